"""The keys as extensions of Flask look for them, kept equal to the snapshot."""

from __future__ import annotations

from typing import Any, List, Optional

from flask import Flask

from ..snapshot import Snapshot
from ..unusable import UnusableKeys


class MirroredKeys(List[str]):
    """A list that this module wrote; any other belongs to the application."""


class Mirror:
    """
    Every list holds **all** keys, `current` included and last: a reader who takes an old list and a new SECRET_KEY still verifies everything,
    and libraries that sign with the last fallback sign with `current`. Lists are written before SECRET_KEY. No lock:
    each request puts right what two writers mixed.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._keys: Optional[MirroredKeys] = None
        self._etag: Optional[str] = None

    def follow(self, snapshot: Optional[Snapshot]) -> None:
        """Writes where anything differs; costs next to nothing where nothing does."""
        config = self._app.config
        if snapshot is None:
            if config.get("SECRET_KEY") is not None:
                self.apply(None)
        elif (
            self._etag != snapshot.etag
            or config.get("SECRET_KEY") != snapshot.current.text
            or config.get("SECRET_KEY_FALLBACKS") is not self._keys
        ):
            self.apply(snapshot)
        self._follow_security()

    def apply(self, snapshot: Optional[Snapshot]) -> None:
        config = self._app.config
        if snapshot is None:
            self._etag = self._keys = config["SECRET_KEY"] = config["SECRET_KEY_FALLBACKS"] = None
            self._put_csrf_key(UnusableKeys())
        else:
            self._etag, self._keys = snapshot.etag, MirroredKeys(snapshot.oldest_first)
            config["SECRET_KEY_FALLBACKS"] = self._keys
            self._put_csrf_key(MirroredKeys(snapshot.oldest_first))
            config["SECRET_KEY"] = snapshot.current.text
        self._follow_security()

    def _put_csrf_key(self, keys: List[Any]) -> None:
        """Flask-WTF takes a list and reads it on each use; it knows nothing of SECRET_KEY_FALLBACKS. A key of the application's own stays."""
        held = self._app.config.get("WTF_CSRF_SECRET_KEY")
        if held is None or isinstance(held, (MirroredKeys, UnusableKeys)):
            self._app.config["WTF_CSRF_SECRET_KEY"] = keys

    def _follow_security(self) -> None:
        security = self._app.extensions.get("security")
        if security is not None:
            from .security import follow_keys

            follow_keys(security, self._keys)
