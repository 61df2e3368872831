"""A shop under gunicorn: a session, forms with a CSRF token, logins that are remembered. FLEET_KEY makes it one with a key of its own."""

import os

from flask import Flask, jsonify, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf
from keyturn import NoKeys
from keyturn.flask import Keyturn

LIFETIME = int(os.environ["FLEET_LIFETIME"])
NAIVE = os.environ.get("FLEET_KEY")

app = Flask(__name__)
app.config.update(PERMANENT_SESSION_LIFETIME=LIFETIME, REMEMBER_COOKIE_DURATION=LIFETIME, WTF_CSRF_TIME_LIMIT=LIFETIME)
if NAIVE:
    app.secret_key = NAIVE
else:
    keyturn = Keyturn(app, wait=int(os.environ["FLEET_WAIT"]))
CSRFProtect(app)
logins = LoginManager(app)


class User(UserMixin):
    def __init__(self, name):
        self.id = name


logins.user_loader(User)


def who():
    return {"user": current_user.id if current_user.is_authenticated else None, "mark": session.get("mark")}


@app.get("/visit")
def visit():
    """Who am I, and is it the session that I came with? One that a remember cookie began gets a mark."""
    found = who()
    if found["user"] and not found["mark"]:
        session["mark"] = request.args["mark"]
    session.permanent = True
    return found


@app.get("/form")
def form():
    session.permanent = True
    return {**who(), "token": generate_csrf()}


@app.post("/order")
def order():
    return who()


@app.post("/login")
def login():
    session["mark"] = request.form["mark"]
    login_user(User(request.form["user"]), remember=True)
    session.permanent = True
    return who()


@app.errorhandler(CSRFError)
def refused(error):
    return jsonify(refused=error.description), 400


@app.after_request
def tell(response):
    """For the conductor: which worker this is and which keys this request used."""
    response.headers["Fleet-Worker"] = f"{os.environ['FLEET_NAME']} ({os.getpid()})"
    if NAIVE:
        response.headers["Fleet-Signs"] = os.environ["FLEET_KEY_NUMBER"]
        return response
    try:
        keys = keyturn.request_snapshot()
    except NoKeys:
        return response
    accepted = sorted(keys.by_version)
    response.headers["Fleet-Signs"] = str(keys.current.version)
    response.headers["Fleet-Accepts"] = " ".join(map(str, accepted))
    return response
