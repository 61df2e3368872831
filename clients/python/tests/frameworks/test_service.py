"""A Flask application and the real service: sessions, open forms and remember cookies through every kind of rotation."""

import logging
import os
import time

import pytest
from flask import Flask
from keyturn import KeyringClient
from support.real import RealService, why_not

from test_flask import cookie_of, make_app, with_cookie

pytestmark = pytest.mark.skipif(why_not() is not None and os.environ.get("CI") != "true", reason=why_not() or "")


class Live:
    def __init__(self, client):
        self.client = client


def eventually(true, seconds=15):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "It did not come true."
        time.sleep(0.02)


@pytest.fixture(scope="module")
def service():
    with RealService() as running:
        yield running


def test_nobody_is_logged_out_until_an_emergency(service, caplog):
    caplog.set_level(logging.INFO, "keyturn")
    client = KeyringClient("web", url=service.url, token=service.create())
    try:
        app = make_app(Live(client))
        browser = app.test_client()
        browser.get("/set")
        remembered = cookie_of(browser.get("/login"), "remember_token")
        form = browser.get("/form").text

        def nobody_notices():
            return (
                browser.get("/get").json == {"u": 1}
                and browser.get("/me").text == "ann"
                and browser.post("/order", data={"csrf_token": form}).text == "ordered"
                and with_cookie(app, "remember_token", remembered).get("/me").text == "ann"
            )

        assert nobody_notices()
        second = service.rotate("immediate")
        eventually(lambda: client.snapshot().current.version == second)
        assert nobody_notices()

        third = service.rotate("scheduled")
        eventually(lambda: client.snapshot().next is not None)
        assert client.snapshot().current.version == second, "It is published before it signs."
        assert nobody_notices()
        eventually(lambda: client.snapshot().current.version == third)
        assert nobody_notices()

        left_open = cookie_of(browser.get("/set"))
        fourth = service.rotate("emergency")
        eventually(lambda: client.snapshot().current.version == fourth)
        assert client.snapshot().previous == ()
        assert with_cookie(app, "session", left_open).get("/get").json == {"u": None}
        assert with_cookie(app, "remember_token", remembered).get("/me").status_code == 401
        assert browser.post("/order", data={"csrf_token": form}).status_code == 400
        held = client.snapshot()
        eventually(lambda: client.snapshot().monotonic_until > held.monotonic_until)
    finally:
        client.close()
    secrets = [*held.newest_first, client._token()]
    assert not any(secret in caplog.text for secret in secrets)


def test_a_weak_key_that_was_taken_over_verifies_and_a_held_request_brings_its_end_at_once(service):
    weak = "changeme-please"
    before = Flask(__name__)
    before.secret_key = weak
    with before.test_request_context():
        old = before.session_interface.get_signing_serializer(before).dumps({"u": 1})
    policy = {"leaseSeconds": 600, "refreshSeconds": 300}
    token = service.create("legacy", policy, key=weak, importAs="previous", acceptWeak=True, reason="a test")
    client = KeyringClient("legacy", url=service.url, token=token, wait=60)
    try:
        app = make_app(Live(client))
        assert [key.weak for key in client.snapshot().previous] == [True]
        answer = with_cookie(app, "session", old).get("/get")
        assert answer.json == {"u": 1}
        renewed = cookie_of(answer)
        eventually(lambda: client._ring._flight is not None)
        service.rotate("emergency", "legacy")
        eventually(lambda: client.snapshot().previous == (), 10)
        for cookie in (old, renewed):
            assert with_cookie(app, "session", cookie).get("/get").json == {"u": None}
    finally:
        client.close()
