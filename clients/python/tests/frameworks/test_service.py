"""A Flask application and the real service: sessions, open forms and remember cookies through every kind of rotation."""

import logging
import time

import pytest
from keyturn import KeyringClient
from support.real import RealService, why_not

from test_flask import cookie_of, make_app, with_cookie

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


class Live:
    def __init__(self, client):
        self.client = client


def eventually(true, seconds=15):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "It did not come true."
        time.sleep(0.02)


def test_nobody_is_logged_out_until_an_emergency(caplog):
    caplog.set_level(logging.INFO, "keyturn")
    with RealService() as service:
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
