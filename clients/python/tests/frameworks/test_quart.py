"""Sessions of Quart through rotations."""

import asyncio

import pytest

pytest.importorskip("quart", reason="Quart is tested with Flask 3.1")

from itsdangerous import URLSafeTimedSerializer
from keyturn.quart import Keyturn
from quart import Quart, session


def make(keyring):
    app = Quart(__name__)
    Keyturn(app, client=keyring.client)

    @app.get("/set")
    async def put():
        session["u"] = 1
        return "ok"

    @app.get("/get")
    async def get():
        return str(session.get("u"))

    @app.get("/plain")
    async def plain():
        return "plain"

    return app


def cookie_of(response):
    found = [value for header, value in response.headers if header.lower() == "set-cookie"]
    return found[0].split(";")[0].partition("=")[2] if found else None


def signed_by(cookie, text):
    serializer = URLSafeTimedSerializer(text, salt="cookie-session", signer_kwargs={"key_derivation": "hmac"})
    value, _, signature = cookie.rpartition(".")
    return serializer.make_signer("cookie-session").verify_signature(value.encode(), signature.encode())


def test_a_session_survives_a_rotation_and_is_signed_anew_once(keyring, key):
    async def scenario():
        browser = make(keyring).test_client()
        assert signed_by(cookie_of(await browser.get("/set")), key(1))
        keyring.turn(current=2, previous=[1], following=3)
        answer = await browser.get("/plain")
        assert signed_by(cookie_of(answer), key(2))
        assert "Cookie" in answer.headers["Vary"]
        again = await browser.get("/get")
        assert await again.get_data(as_text=True) == "1"
        assert cookie_of(again) is None
        keyring.turn(current=4)
        assert await (await browser.get("/get")).get_data(as_text=True) == "None"

    asyncio.run(scenario())


def test_settings_follow_for_extensions(keyring, key):
    app = make(keyring)
    keyring.turn(current=2, previous=[1], following=3)
    assert (app.secret_key, app.config["SECRET_KEY_FALLBACKS"]) == (key(2), [key(1), key(3), key(2)])


def test_without_keys_the_session_is_a_503_and_the_rest_goes_on(keyring):
    async def scenario():
        browser = make(keyring).test_client()
        await browser.get("/set")
        keyring.lose()
        assert (await browser.get("/get")).status_code == 503
        assert (await browser.get("/plain")).status_code == 200
        keyring.find()
        assert await (await browser.get("/get")).get_data(as_text=True) == "1"

    asyncio.run(scenario())
