"""What test_gunicorn serves; the keyring comes from the environment."""

import os
import threading

from flask import Flask, jsonify, session
from keyturn.flask import Keyturn

app = Flask(__name__)
keyturn = Keyturn(app)


@app.get("/")
def index():
    session.setdefault("u", 1)
    thread = any(thread.name == "keyturn-web" and thread.is_alive() for thread in threading.enumerate())
    return jsonify(pid=os.getpid(), thread=thread, u=session["u"], **keyturn.client.status())
