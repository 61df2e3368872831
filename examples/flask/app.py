"""A shop counter with a session, a form with a CSRF token, and a login that remembers. Nothing here knows of rotations but one line."""

from flask import Flask, redirect, render_template_string, session
from flask_login import LoginManager, UserMixin, login_required, login_user, logout_user
from flask_wtf import CSRFProtect, FlaskForm
from keyturn.flask import Keyturn
from wtforms import StringField
from wtforms.validators import InputRequired, Length

app = Flask(__name__)
app.config.update(SESSION_COOKIE_SAMESITE="Lax", REMEMBER_COOKIE_SAMESITE="Lax", REMEMBER_COOKIE_HTTPONLY=True)
keyturn = Keyturn(app, "flask-example")
CSRFProtect(app)
logins = LoginManager(app)
logins.login_view = "index"

PAGE = """<!doctype html>
<title>Keyturn and Flask</title>
<p>Version {{ keys.current }} signs{% if keys.next %}, version {{ keys.next }} is published and will sign next{% endif %};
   accepted are also {{ keys.previous or "no others" }}. Your session has seen {{ session["visits"] }} pages.
<form method="post" action="/order">{{ form.csrf_token }}{{ form.what.label }} {{ form.what(value="tea") }} <button>Order</button></form>
<p>Ordered: {{ session.get("orders", []) | join(", ") or "nothing yet" }}
{% if current_user.is_authenticated %}
<form method="post" action="/logout">{{ form.csrf_token }}<button>Log {{ current_user.id }} out</button></form>
{% else %}
<form method="post" action="/login">{{ form.csrf_token }}<input name="name" value="ann"> <button>Log in and be remembered</button></form>
{% endif %}
"""


class Order(FlaskForm):
    what = StringField("What", [InputRequired(), Length(max=40)])


class Login(FlaskForm):
    name = StringField("Name", [InputRequired(), Length(max=40)])


class User(UserMixin):
    def __init__(self, name):
        self.id = name


logins.user_loader(User)


@app.get("/")
def index():
    session["visits"] = session.get("visits", 0) + 1
    return render_template_string(PAGE, form=Order(), keys=keyturn.client.status())


@app.post("/order")
def order():
    form = Order()
    if not form.validate():
        return "Order something.", 400
    session["orders"] = [*session.get("orders", []), form.what.data][-10:]
    return redirect("/")


@app.post("/login")
def login():
    """An example: whoever says a name is believed."""
    form = Login()
    if not form.validate():
        return "Say a name.", 400
    login_user(User(form.name.data), remember=True)
    return redirect("/")


@app.post("/logout")
@login_required
def logout():
    logout_user()
    return redirect("/")


@app.get("/health")
def health():
    status = keyturn.client.status()
    return status, 200 if status["usable"] else 503
