"""Sessions of Starlette and FastAPI through rotations."""

import pytest

pytest.importorskip("starlette", reason="Starlette is tested with Flask 3.1")

import starlette.middleware.sessions
from fastapi import FastAPI, Request
from itsdangerous import TimestampSigner
from keyturn.starlette import KeyturnSessionMiddleware
from starlette.testclient import TestClient


def make(keyring):
    app = FastAPI()
    app.add_middleware(KeyturnSessionMiddleware, client=keyring.client)

    @app.get("/set")
    def put(request: Request):
        request.session["u"] = 1
        return "ok"

    @app.get("/get")
    def get(request: Request):
        return request.session.get("u")

    @app.get("/clear")
    def clear(request: Request):
        request.session.clear()
        return "cleared"

    @app.get("/plain")
    def plain():
        return "plain"

    return app


def test_a_session_survives_a_rotation_and_is_signed_anew_once(keyring, key):
    browser = TestClient(make(keyring))
    browser.get("/set")
    TimestampSigner(key(1)).unsign(browser.cookies["session"])
    keyring.turn(current=2, previous=[1], following=3)
    answer = browser.get("/plain")
    TimestampSigner(key(2)).unsign(answer.cookies["session"])
    assert answer.headers["vary"] == "Cookie"
    again = browser.get("/get")
    assert again.json() == 1
    assert "session" not in again.cookies or not hasattr(starlette.middleware.sessions, "Session"), "Older ones set it with every answer."


def test_next_verifies_and_never_signs(keyring, key):
    app = make(keyring)
    keyring.turn(current=1, following=2)
    browser = TestClient(app, cookies={"session": TimestampSigner(key(2)).sign("eyJ1IjogMX0=").decode()})
    answer = browser.get("/get")
    assert answer.json() == 1
    TimestampSigner(key(1)).unsign(answer.cookies["session"])


def test_an_old_session_that_is_cleared_stays_cleared(keyring):
    browser = TestClient(make(keyring))
    browser.get("/set")
    keyring.turn(current=2, previous=[1])
    assert "session=null" in browser.get("/clear").headers["set-cookie"]


def test_after_an_emergency_and_for_a_forger_there_is_no_session(keyring):
    app = make(keyring)
    browser = TestClient(app)
    browser.get("/set")
    keyring.turn(current=2)
    assert browser.get("/get").json() is None
    for forged in ("", "['a']"):
        cookie = TimestampSigner(forged).sign("eyJ1IjogMX0=").decode()
        assert TestClient(app, cookies={"session": cookie}).get("/get").json() is None


def test_without_keys_requests_are_503_until_they_come_back(keyring):
    browser = TestClient(make(keyring))
    browser.get("/set")
    keyring.lose()
    answer = browser.get("/get")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    keyring.find()
    assert browser.get("/get").json() == 1
