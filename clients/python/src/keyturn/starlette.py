"""Keyturn for Starlette and FastAPI: their session middleware with keys that follow a keyring."""

from __future__ import annotations

import secrets
from typing import Any, Optional

from itsdangerous import BadSignature, TimestampSigner
from starlette.datastructures import MutableHeaders
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .client import KeyringClient
from .errors import NoKeys
from .itsdangerous import live


class KeyturnSessionMiddleware(SessionMiddleware):
    """
    `app.add_middleware(KeyturnSessionMiddleware, keyring="web")`, or `client=` to share a KeyringClient; the other
    arguments are SessionMiddleware's, without `secret_key`.

    A session that an older key signed is issued again once, on use. Without keys every request is a 503 with Retry-After.
    """

    def __init__(self, app: ASGIApp, keyring: Optional[str] = None, *, client: Optional[KeyringClient] = None, **options: Any) -> None:
        # The placeholder signs nothing: the signer made from it is replaced at once. Random, so that whoever still
        # kept it could not be forged to.
        super().__init__(app, secret_key=secrets.token_urlsafe(48), **options)
        self.client = client or KeyringClient(keyring)
        self.client.start()
        self.signer = live(self.client, TimestampSigner)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        try:
            snapshot = await self.client.snapshot_async()
        except NoKeys:
            return await _unavailable(scope, receive, send)
        cookie = HTTPConnection(scope).cookies.get(self.session_cookie)
        if cookie is None or _verifies(snapshot.current.text, cookie):
            return await super().__call__(scope, receive, send)
        await _Reissuing(self, scope, receive, send).run()


class _Reissuing:
    """A request whose cookie the current key did not sign: if an older one did, its session is marked as modified
    before the answer begins."""

    def __init__(self, middleware: KeyturnSessionMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        self._middleware = middleware
        self._scope = scope
        self._receive = receive
        self._send = send
        self._issues = False

    async def run(self) -> None:
        inner = SessionMiddleware.__new__(SessionMiddleware)
        vars(inner).update(vars(self._middleware), app=self._marking)
        await inner(self._scope, self._receive, self._varying)

    async def _varying(self, message: Message) -> None:
        if self._issues and message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if "cookie" not in headers.get("vary", "").lower():
                headers.add_vary_header("Cookie")
        await self._send(message)

    async def _marking(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = scope.get("session")
        if session:
            self._issues = True
            mark = getattr(session, "mark_modified", None)  # Before Starlette 1.0 sessions are plain dicts, signed anew with every answer.
            if mark is not None:
                mark()
            self._middleware.client.count("resign", what="session")
        await self._middleware.app(scope, receive, send)


def _verifies(key: str, cookie: str) -> bool:
    try:
        TimestampSigner(key).unsign(cookie.encode("utf-8"))
    except BadSignature:
        return False
    return True


async def _unavailable(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013, "reason": "signing keys are missing"})
        return
    response = PlainTextResponse("The service is not ready: its signing keys are missing.", 503, {"Retry-After": "5"})
    await response(scope, receive, send)
