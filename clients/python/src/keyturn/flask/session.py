"""Signed sessions: one snapshot for each request; signs with current, verifies with all, signs anew what an older key signed."""

from __future__ import annotations

import sys
import time
from typing import Any, List, NamedTuple, Optional

from flask import Flask, Request, Response, g, has_app_context
from flask.sessions import NullSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import URLSafeTimedSerializer

from ..client import KeyringClient
from ..errors import NoKeys
from ..snapshot import Snapshot
from ..unusable import RefusingSession
from ..witness import Witness
from .mirror import Mirror

SINCE = "_keyturn_since"
"""In sessions with an absolute expiry: when they began, in seconds since 1970."""


class RotatingSession(NamedTuple):
    """What the session interface needs; `expiry` in seconds, None = no absolute expiry."""

    client: KeyringClient
    mirror: Mirror
    expiry: Optional[int]


class UnavailableSession(RefusingSession, NullSession):  # type: ignore[misc]
    """The session while there are no keys."""


class Built(NamedTuple):
    """What verifies and signs with one set of keys."""

    etag: str
    serializer: URLSafeTimedSerializer
    current: Witness


def rotating(interface: SecureCookieSessionInterface, rotation: RotatingSession) -> SecureCookieSessionInterface:
    """The interface of the application, its own class and settings kept, with keys that rotate."""
    kind = type("Rotating" + type(interface).__name__, (RotatingMixin, type(interface)), {})
    rotated: SecureCookieSessionInterface = kind()
    vars(rotated).update(vars(interface))
    vars(rotated).update(_rotation=rotation, _built=None)
    return rotated


class RotatingMixin(SecureCookieSessionInterface):
    null_session_class = UnavailableSession

    _rotation: RotatingSession
    _built: Optional[Built]

    def get_signing_serializer(self, app: Flask) -> Optional[URLSafeTimedSerializer]:
        """With all keys, the current one signing; None where there are none."""
        try:
            return self._for_keys(self._snapshot()).serializer
        except NoKeys:
            return None

    def open_session(self, app: Flask, request: Request) -> Any:
        snapshot = self._begin()
        if snapshot is None:
            return None
        session = super().open_session(app, request)
        cookie = request.cookies.get(self.get_cookie_name(app))
        if cookie and session:
            session = self._revisit(session, cookie, snapshot)
        self._keep_remembered(app, request, session, snapshot)
        return session

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session and session.modified and self._rotation.expiry is not None and SINCE not in session:
            session[SINCE] = int(time.time())
        super().save_session(app, session, response)
        if getattr(session, "_keyturn_resigned", False):
            response.vary.add("Cookie")

    def _begin(self) -> Optional[Snapshot]:
        client, mirror, _ = self._rotation
        try:
            snapshot = client.snapshot()
        except NoKeys:
            g.pop("_keyturn", None)
            mirror.follow(None)
            return None
        g._keyturn = snapshot
        mirror.follow(snapshot)
        return snapshot

    def _snapshot(self) -> Snapshot:
        held = g.get("_keyturn") if has_app_context() else None
        return held if isinstance(held, Snapshot) else self._rotation.client.snapshot()

    def _revisit(self, session: Any, cookie: str, snapshot: Snapshot) -> Any:
        """Ends a session past its absolute expiry; marks one that an older key signed, so that it is issued again."""
        built = self._for_keys(snapshot)
        if self._rotation.expiry is not None and not self._within(session, cookie, built.serializer):
            return self.session_class()
        if not built.current.signed(cookie):
            session.modified = True
            session._keyturn_resigned = True
            self._rotation.client.count("resign", what="session")
        return session

    def _within(self, session: Any, cookie: str, serializer: URLSafeTimedSerializer) -> bool:
        since = session.get(SINCE)
        if type(since) is not int:
            _, signed = serializer.loads(cookie, return_timestamp=True)
            since = session[SINCE] = int(signed.timestamp())
        return time.time() - since < (self._rotation.expiry or 0)

    def _keep_remembered(self, app: Flask, request: Request, session: Any, snapshot: Snapshot) -> None:
        manager = getattr(app, "login_manager", None)
        if manager is not None and "flask_login" in sys.modules:
            from .login import keep_remembered

            keep_remembered(app, manager, request, session, snapshot, self._rotation.client)

    def _for_keys(self, snapshot: Snapshot) -> Built:
        """Built once for each set of keys."""
        if self._built is None or self._built.etag != snapshot.etag:
            serializer = self._serializer(list(snapshot.oldest_first))
            self._built = Built(snapshot.etag, serializer, Witness(self._serializer([snapshot.current.text])))
        return self._built

    def _serializer(self, keys: List[str]) -> URLSafeTimedSerializer:
        options = {"key_derivation": self.key_derivation, "digest_method": self.digest_method}
        return URLSafeTimedSerializer(keys, salt=self.salt, serializer=self.serializer, signer_kwargs=options)
