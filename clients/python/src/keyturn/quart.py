"""Keyturn for Quart: `Keyturn(app, "web")` instead of a SECRET_KEY."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

from itsdangerous import URLSafeTimedSerializer
from quart import Quart, g
from quart.sessions import NullSession, SecureCookieSessionInterface

from .client import KeyringClient
from .errors import NoKeys
from .snapshot import Snapshot
from .unusable import RefusingSession
from .witness import Witness


class UnavailableSession(RefusingSession, NullSession):  # type: ignore[misc]
    """The session while there are no keys."""


class RotatingSessionInterface(SecureCookieSessionInterface):
    """Signs with current, verifies with all, issues again what an older key signed; SECRET_KEY and
    SECRET_KEY_FALLBACKS follow for extensions."""

    null_session_class = UnavailableSession

    def __init__(self, client: KeyringClient) -> None:
        self._client = client
        self._built: Optional[Tuple[str, URLSafeTimedSerializer, Witness]] = None

    def get_signing_serializer(self, app: Quart) -> Optional[URLSafeTimedSerializer]:
        held = g.get("_keyturn") if g else self._client.peek()
        return self._for_keys(held)[1] if isinstance(held, Snapshot) else None

    async def open_session(self, app: Quart, request: Any) -> Any:
        try:
            snapshot = await self._client.snapshot_async()
        except NoKeys:
            mirror(app, None)
            g.pop("_keyturn", None)
            return None
        g._keyturn = snapshot
        mirror(app, snapshot)
        session = await super().open_session(app, request)
        cookie = request.cookies.get(self.get_cookie_name(app))
        if cookie and session and not self._for_keys(snapshot)[2].signed(cookie):
            session.modified = True
            self._client.count("resign", what="session")
        return session

    def _for_keys(self, snapshot: Snapshot) -> Tuple[str, URLSafeTimedSerializer, Witness]:
        if self._built is None or self._built[0] != snapshot.etag:
            witness = Witness(self._serializer([snapshot.current.text]))
            self._built = (snapshot.etag, self._serializer(list(snapshot.oldest_first)), witness)
        return self._built

    def _serializer(self, keys: List[str]) -> URLSafeTimedSerializer:
        options = {"key_derivation": self.key_derivation, "digest_method": self.digest_method}
        return URLSafeTimedSerializer(keys, salt=self.salt, serializer=self.serializer, signer_kwargs=options)


class Keyturn:
    """`client` is a KeyringClient to share; else one is made for `keyring` from the environment and `options`."""

    def __init__(
        self, app: Optional[Quart] = None, keyring: Optional[str] = None, *, client: Optional[KeyringClient] = None, **options: Any
    ) -> None:
        self._keyring = keyring
        self._options = options
        self.client = client
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Quart) -> None:
        if self.client is None:
            self.client = KeyringClient(self._keyring or app.config.get("KEYTURN_KEYRING"), **self._options)
        client = self.client.start()
        client.listen(lambda snapshot: mirror(app, snapshot))
        mirror(app, client.peek())
        app.session_interface = RotatingSessionInterface(client)
        app.register_error_handler(NoKeys, _unavailable)
        app.extensions["keyturn"] = self


def mirror(app: Quart, snapshot: Optional[Snapshot]) -> None:
    """All keys in the list, written before SECRET_KEY: a reader between the two still verifies everything."""
    if snapshot is None:
        app.config["SECRET_KEY"] = app.config["SECRET_KEY_FALLBACKS"] = None
        return
    keys = list(snapshot.oldest_first)
    if app.config.get("SECRET_KEY") != snapshot.current.text or app.config.get("SECRET_KEY_FALLBACKS") != keys:
        app.config["SECRET_KEY_FALLBACKS"] = keys
        app.config["SECRET_KEY"] = snapshot.current.text


async def _unavailable(_error: Exception) -> Tuple[str, int, dict[str, str]]:
    return "The service is not ready: its signing keys are missing.", 503, {"Retry-After": "5"}
