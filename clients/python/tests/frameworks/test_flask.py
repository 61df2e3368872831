"""Sessions, forms and remember cookies of Flask 2.3, 3.0 and 3.1 through rotations."""

import time

import pytest
from flask import Flask, jsonify, render_template_string, session
from flask.sessions import SecureCookieSessionInterface
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_wtf import CSRFProtect, FlaskForm
from itsdangerous import URLSafeTimedSerializer
from keyturn.flask import Keyturn
from wtforms import StringField

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Order(FlaskForm):
    what = StringField()


def make_app(keyring, before=None, **options):
    app = Flask(__name__)
    app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=None, **options)
    if before:
        before(app)
    Keyturn(app, client=keyring.client)
    CSRFProtect(app)
    manager = LoginManager(app)

    class User(UserMixin):
        def __init__(self, name):
            self.id = name

    manager.user_loader(User)

    @app.get("/set")
    def put():
        session["u"] = 1
        return "ok"

    @app.get("/get")
    def get():
        return jsonify(u=session.get("u"))

    @app.get("/plain")
    def plain():
        return "plain"

    @app.get("/form")
    def form():
        return render_template_string("{{ csrf_token() }}")

    @app.post("/order")
    def order():
        return "ordered"

    @app.post("/flask-form")
    def flask_form():
        return "valid" if Order().validate() else ("invalid", 400)

    @app.get("/login")
    def login():
        login_user(User("ann"), remember=True)
        return "in"

    @app.get("/logout")
    def logout():
        logout_user()
        return "out"

    @app.get("/me")
    @login_required
    def me():
        return current_user.id

    return app


def cookie_of(response, name="session"):
    found = [value for header, value in response.headers if header == "Set-Cookie" and value.startswith(f"{name}=")]
    return found[0].split(";")[0].partition("=")[2] if found else None


def signed_by(cookie, text, salt="cookie-session"):
    serializer = URLSafeTimedSerializer(text, salt=salt, signer_kwargs={"key_derivation": "hmac"})
    value, _, signature = cookie.rpartition(".")
    return serializer.make_signer(salt).verify_signature(value.encode(), signature.encode())


def with_cookie(app, name, value):
    client = app.test_client()
    client.set_cookie(name, value)
    return client


class TestSessions:
    def test_a_session_survives_a_rotation_and_is_signed_anew_once(self, keyring, key):
        app = make_app(keyring)
        browser = app.test_client()
        old = cookie_of(browser.get("/set"))
        assert signed_by(old, key(1))
        keyring.turn(current=2, previous=[1], following=3)
        answer = browser.get("/get")
        assert answer.json == {"u": 1}
        assert signed_by(cookie_of(answer), key(2))
        assert "Cookie" in answer.headers["Vary"]
        again = browser.get("/get")
        assert again.json == {"u": 1}
        assert cookie_of(again) is None

    def test_a_route_that_does_not_touch_the_session_signs_it_anew_too(self, keyring, key):
        app = make_app(keyring)
        browser = app.test_client()
        browser.get("/set")
        keyring.turn(current=2, previous=[1])
        answer = browser.get("/plain")
        assert signed_by(cookie_of(answer), key(2))
        assert "Cookie" in answer.headers["Vary"]

    def test_next_verifies_and_never_signs(self, keyring, key):
        app = make_app(keyring)
        keyring.turn(current=1, following=2)
        assert signed_by(cookie_of(app.test_client().get("/set")), key(1))
        with app.test_request_context():
            early = URLSafeTimedSerializer(
                key(2), salt="cookie-session", serializer=app.session_interface.serializer, signer_kwargs={"key_derivation": "hmac"}
            ).dumps({"u": 1})
        answer = with_cookie(app, "session", early).get("/get")
        assert answer.json == {"u": 1}
        assert signed_by(cookie_of(answer), key(1))

    def test_after_an_emergency_old_sessions_are_refused(self, keyring):
        app = make_app(keyring)
        browser = app.test_client()
        browser.get("/set")
        keyring.turn(current=2)
        assert browser.get("/get").json == {"u": None}

    @pytest.mark.parametrize("forged", ["", "o", "dev", "empty"])
    def test_a_forged_cookie_is_refused(self, keyring, key, forged):
        app = make_app(keyring)
        keyring.turn(current=2, previous=[1], following=3)
        forger = URLSafeTimedSerializer(
            "" if forged == "empty" else forged or key(9), salt="cookie-session", signer_kwargs={"key_derivation": "hmac"}
        )
        answer = with_cookie(app, "session", forger.dumps({"u": 1})).get("/get")
        assert answer.json == {"u": None}
        assert cookie_of(answer) is None

    @pytest.mark.parametrize("cookie", ["", ".", "..", "a.b.c", "é.é.é", "x" * 3000])
    def test_a_broken_cookie_is_an_empty_session(self, keyring, cookie):
        assert with_cookie(make_app(keyring), "session", cookie).get("/get").json == {"u": None}

    def test_one_snapshot_serves_a_whole_request(self, keyring, key):
        app = make_app(keyring)

        @app.get("/turning")
        def turning():
            keyring.turn(current=2)
            session["u"] = 2
            return "turned"

        browser = app.test_client()
        browser.get("/set")
        assert signed_by(cookie_of(browser.get("/turning")), key(1))

    def test_an_absolute_expiry_ends_sessions_however_often_they_are_signed_anew(self, keyring, monkeypatch):
        app = make_app(keyring, KEYTURN_ABSOLUTE_EXPIRY=3600)
        browser, real = app.test_client(), time.time
        browser.get("/set")
        monkeypatch.setattr(time, "time", lambda: real() + 3000)
        keyring.turn(current=2, previous=[1])
        assert browser.get("/get").json == {"u": 1}
        browser.get("/set")
        monkeypatch.setattr(time, "time", lambda: real() + 3700)
        keyring.turn(current=2, previous=[1])
        assert browser.get("/get").json == {"u": None}

    def test_a_session_from_before_the_absolute_expiry_counts_from_its_signature(self, keyring, monkeypatch):
        without = make_app(keyring)
        old = cookie_of(without.test_client().get("/set"))
        app, real = make_app(keyring, KEYTURN_ABSOLUTE_EXPIRY=3600), time.time
        monkeypatch.setattr(time, "time", lambda: real() + 4000)
        keyring.turn(current=1)
        assert with_cookie(app, "session", old).get("/get").json == {"u": None}

    def test_an_interface_of_the_applications_own_keeps_its_ways(self, keyring, key):
        class Own(SecureCookieSessionInterface):
            salt = "own-salt"

            def get_cookie_name(self, app):
                return "own"

        def own(app):
            app.session_interface = Own()

        app = make_app(keyring, before=own)
        assert signed_by(cookie_of(app.test_client().get("/set"), "own"), key(1), "own-salt")

    def test_the_old_secret_key_is_replaced_and_a_forgotten_import_is_said(self, keyring, key, caplog):
        app = make_app(keyring, SECRET_KEY="the old one")
        assert app.secret_key == key(1)
        assert "migrate-secret-key" in caplog.text
        assert "the old one" not in caplog.text
        app.config["SECRET_KEY"] = "set afterwards"
        app.test_client().get("/get")
        assert app.secret_key == key(1)


class TestWithoutKeys:
    def test_what_needs_the_session_is_a_503_and_the_rest_goes_on(self, keyring):
        app = make_app(keyring)
        browser = app.test_client()
        token = browser.get("/form").text
        browser.get("/set")
        browser.get("/login")
        keyring.lose()
        for path in ("/get", "/set", "/me", "/form"):
            answer = browser.get(path)
            assert (path, answer.status_code, answer.headers.get("Retry-After")) == (path, 503, "5")
        assert browser.post("/order", data={"csrf_token": token}).status_code == 503
        assert browser.get("/plain").status_code == 200
        assert app.secret_key is None
        keyring.find()
        assert browser.get("/get").json == {"u": 1}
        assert browser.post("/order", data={"csrf_token": token}).text == "ordered"

    def test_an_application_starts_without_the_service_and_comes_alive_with_it(self, keyring):
        keyring.service.answer = lambda _: (503, {}, "")
        app = make_app(keyring)
        assert app.test_client().get("/set").status_code == 503
        keyring.find()
        assert app.test_client().get("/set").status_code == 200


class TestMirror:
    def test_every_key_is_in_the_lists_and_current_is_last(self, keyring, key):
        app = make_app(keyring)
        keyring.turn(current=3, previous=[2, 1], following=4)
        expected = [key(1), key(2), key(4), key(3)]
        assert app.config["SECRET_KEY"] == key(3)
        assert app.config["SECRET_KEY_FALLBACKS"] == expected
        assert app.config["WTF_CSRF_SECRET_KEY"] == expected
        assert isinstance(app.config["SECRET_KEY_FALLBACKS"], list)
        assert URLSafeTimedSerializer([app.secret_key, *app.config["SECRET_KEY_FALLBACKS"]]).secret_keys[-1] == key(3).encode()

    def test_a_csrf_key_of_the_applications_own_stays(self, keyring):
        app = make_app(keyring, WTF_CSRF_SECRET_KEY="own " * 10)
        keyring.turn(current=2, previous=[1])
        app.test_client().get("/get")
        assert app.config["WTF_CSRF_SECRET_KEY"] == "own " * 10

    def test_a_reader_between_the_writes_finds_every_key(self, keyring, key):
        app = make_app(keyring)
        keyring.turn(current=1, following=2)
        seen = []

        class Watched(type(app.config)):
            def __setitem__(self, name, value):
                super().__setitem__(name, value)
                seen.append({self["SECRET_KEY"], *self["SECRET_KEY_FALLBACKS"]})

        app.config.__class__ = Watched
        keyring.turn(current=2, previous=[1], following=3)
        assert len(seen) >= 3
        assert all({key(1), key(2)} <= keys for keys in seen)


class TestForms:
    def test_open_forms_survive_a_rotation(self, keyring):
        app = make_app(keyring)
        browser = app.test_client()
        token = browser.get("/form").text
        keyring.turn(current=2, previous=[1], following=3)
        assert browser.post("/order", data={"csrf_token": token}).status_code == 200
        assert browser.post("/flask-form", data={"csrf_token": token, "what": "tea"}).text == "valid"
        assert browser.post("/order", headers={"X-CSRFToken": token}).status_code == 200
        assert browser.post("/order", data={"csrf_token": token + "x"}).status_code == 400

    def test_after_an_emergency_open_forms_are_refused(self, keyring):
        app = make_app(keyring)
        browser = app.test_client()
        token = browser.get("/form").text
        keyring.turn(current=2)
        assert browser.post("/order", data={"csrf_token": token}).status_code == 400


class TestRemember:
    def remembered(self, keyring):
        app = make_app(keyring)
        return app, cookie_of(app.test_client().get("/login"), "remember_token")

    def test_a_remembered_user_comes_back_after_a_rotation_and_gets_a_new_cookie(self, keyring):
        app, old = self.remembered(keyring)
        keyring.turn(current=2, previous=[1])
        browser = with_cookie(app, "remember_token", old)
        answer = browser.get("/me")
        assert answer.text == "ann"
        new = cookie_of(answer, "remember_token")
        keyring.turn(current=3, previous=[2])
        assert with_cookie(app, "remember_token", old).get("/me").status_code == 401
        assert with_cookie(app, "remember_token", new).get("/me").text == "ann"

    def test_a_user_whose_session_lives_gets_the_new_cookie_too_and_once(self, keyring):
        app = make_app(keyring)
        browser = app.test_client()
        browser.get("/login")
        keyring.turn(current=2, previous=[1])
        assert cookie_of(browser.get("/plain"), "remember_token")
        assert cookie_of(browser.get("/plain"), "remember_token") is None
        browser.delete_cookie("session")
        keyring.turn(current=2)
        assert browser.get("/me").text == "ann"

    def test_one_who_logs_out_is_not_remembered(self, keyring):
        app = make_app(keyring)
        browser = app.test_client()
        browser.get("/login")
        keyring.turn(current=2, previous=[1])
        browser.get("/logout")
        assert browser.get("/me").status_code == 401

    def test_after_an_emergency_nobody_is_remembered(self, keyring):
        app, old = self.remembered(keyring)
        keyring.turn(current=2)
        assert with_cookie(app, "remember_token", old).get("/me").status_code == 401

    @pytest.mark.parametrize("cookie", ["ann", "ann|", "ann|" + "0" * 128, "|", "ann|é"])
    def test_a_forged_remember_cookie_is_refused(self, keyring, cookie):
        app = make_app(keyring)
        browser = app.test_client()
        browser.get("/set")
        browser.set_cookie("remember_token", cookie)
        assert browser.get("/plain").status_code == 200
        if "é" not in cookie:  # Flask-Login itself breaks on a digest that is not ASCII.
            assert browser.get("/me").status_code == 401
