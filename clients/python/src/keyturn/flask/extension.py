from __future__ import annotations

from datetime import timedelta
from typing import Any, Dict, Optional, Tuple

from flask import Flask, g, has_app_context, jsonify
from flask.sessions import SecureCookieSessionInterface

from ..client import KeyringClient
from ..errors import ConfigError, NoKeys
from ..events import log
from ..snapshot import Snapshot
from .mirror import Mirror
from .session import RotatingSession, rotating

RETRY_AFTER_SECONDS = 5

_OPTIONS = {
    "KEYTURN_URL": "url",
    "KEYTURN_TOKEN": "token",
    "KEYTURN_TOKEN_FILE": "token_file",
    "KEYTURN_CA_FILE": "ca_file_path",
    "KEYTURN_CACHE_FILE": "cache_file",
    "KEYTURN_WAIT": "wait",
    "KEYTURN_INSTANCE": "instance",
}
"""Settings of the application's config and the client's options; what is absent comes from the environment."""


class Keyturn:
    """
    Gives an application the keys of a keyring: `Keyturn(app, "web")`, or `Keyturn(keyring="web").init_app(app)`.

    - sessions are signed with the current key and verified with all; what an older key signed is signed anew once, on use;
    - SECRET_KEY, SECRET_KEY_FALLBACKS and (where the application set none) WTF_CSRF_SECRET_KEY follow the keyring for extensions;
    - Flask-Login's remember cookies and Flask-Security's tokens follow too, Flask-JWT-Extended after `use_jwt`;
    - without keys every use of the session is a 503 with Retry-After; what needs no session goes on.

    `absolute_expiry` (a timedelta or seconds; or KEYTURN_ABSOLUTE_EXPIRY; default none) ends sessions that long
    after they began, however often they were signed anew.
    `client` is a KeyringClient to share; else one is made from the config (KEYTURN_KEYRING, KEYTURN_URL …), the environment and `options`.
    """

    def __init__(
        self,
        app: Optional[Flask] = None,
        keyring: Optional[str] = None,
        *,
        client: Optional[KeyringClient] = None,
        absolute_expiry: Any = None,
        **options: Any,
    ) -> None:
        self._keyring = keyring
        self._client = client
        self._absolute_expiry = absolute_expiry
        self._options = options
        if app is not None:
            self.init_app(app)

    @property
    def client(self) -> KeyringClient:
        if self._client is None:
            raise ConfigError("Keyturn has no application yet: call init_app(app) first.")
        return self._client

    def init_app(self, app: Flask) -> None:
        """Raises ConfigError where keyring, address or token are missing; an unreachable service only logs."""
        if self._client is None:
            self._client = KeyringClient(self._keyring or app.config.get("KEYTURN_KEYRING"), **self._client_options(app))
        expiry = _seconds(app.config.get("KEYTURN_ABSOLUTE_EXPIRY") if self._absolute_expiry is None else self._absolute_expiry)
        had = app.config.get("SECRET_KEY")
        mirror = Mirror(app)
        app.extensions["keyturn"] = self
        app.register_error_handler(NoKeys, _unavailable)
        self._client.start()
        self._client.listen(mirror.apply)
        snapshot = self._client.peek()
        mirror.apply(snapshot)
        _warn_of_unknown_key(self._client.name, had, snapshot)
        self._take_sessions(app, mirror, expiry)

    def use_jwt(self, manager: Any) -> None:
        """Flask-JWT-Extended signs with the current key, names it (`kid`), and verifies by that name."""
        from .jwt import follow_keyring

        follow_keyring(manager, self.request_snapshot)

    def request_snapshot(self) -> Snapshot:
        """The keys that this request began with; outside of requests the newest. Raises NoKeys."""
        held = g.get("_keyturn") if has_app_context() else None
        return held if isinstance(held, Snapshot) else self.client.snapshot()

    def _take_sessions(self, app: Flask, mirror: Mirror, expiry: Optional[int]) -> None:
        interface = app.session_interface
        if isinstance(interface, SecureCookieSessionInterface):
            app.session_interface = rotating(interface, RotatingSession(self.client, mirror, expiry))
            return
        log.info("Sessions of %s are kept by %s; only keys for extensions follow the keyring.", app.name, type(interface).__name__)
        app.before_request(lambda: mirror.follow(self.client.peek()))

    def _client_options(self, app: Flask) -> Dict[str, Any]:
        configured = {option: app.config[name] for name, option in _OPTIONS.items() if app.config.get(name)}
        return {**configured, **self._options}


def _seconds(expiry: Any) -> Optional[int]:
    if expiry is None:
        return None
    seconds = expiry.total_seconds() if isinstance(expiry, timedelta) else expiry
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 1:
        raise ConfigError("The absolute expiry must be a timedelta or a number of seconds, at least one.")
    return int(seconds)


def _unavailable(error: Exception) -> Tuple[Any, int, Dict[str, str]]:
    log.debug("A request met no keys: %s", error)
    return jsonify(error="The service is not ready: its signing keys are missing."), 503, {"Retry-After": str(RETRY_AFTER_SECONDS)}


def _warn_of_unknown_key(name: str, had: Any, snapshot: Optional[Snapshot]) -> None:
    """The classical slip of a migration: the old key was never imported, so everybody is logged out."""
    if not had or snapshot is None:
        return
    text = had.decode("latin-1") if isinstance(had, bytes) else had
    if text not in snapshot.newest_first:
        log.warning(
            "The SECRET_KEY of the application is not in keyring %s: what it signed is refused now. To keep sessions, "
            "import it first: docs/migrate-secret-key.md",
            name,
        )
