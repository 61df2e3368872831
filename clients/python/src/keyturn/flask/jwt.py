"""Flask-JWT-Extended by `kid`: a token names the version that signed it, and only that key verifies it."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Any, Callable, Dict, Optional, Tuple

from flask import has_request_context
from jwt.exceptions import InvalidTokenError

from ..snapshot import Snapshot

SAME_TOKEN_SECONDS = 1.0

_latest: ContextVar[Optional[Tuple[Snapshot, float]]] = ContextVar("keyturn_jwt", default=None)


def follow_keyring(manager: Any, snapshot_of: Callable[[], Snapshot]) -> None:
    """Hooks the loaders of a JWTManager. Tokens without `kid` are older than this: the oldest key that still verifies is tried."""

    def snapshot() -> Snapshot:
        """Header and key of one token are asked for one after the other and must be of one snapshot."""
        if has_request_context():
            return snapshot_of()
        latest, now = _latest.get(), time.monotonic()
        if latest is not None and now - latest[1] < SAME_TOKEN_SECONDS:
            return latest[0]
        taken = snapshot_of()
        _latest.set((taken, now))
        return taken

    def name_key(_identity: Any) -> Dict[str, str]:
        return {"kid": str(snapshot().current.version)}

    def signing_key(_identity: Any) -> str:
        return snapshot().current.text

    def verifying_key(header: Dict[str, Any], _payload: Dict[str, Any]) -> str:
        return key_for(header, snapshot_of())

    manager.additional_headers_loader(name_key)
    manager.encode_key_loader(signing_key)
    manager.decode_key_loader(verifying_key)


def key_for(header: Dict[str, Any], snapshot: Snapshot) -> str:
    """Raises InvalidTokenError where the token names no key in use."""
    kid = header.get("kid")
    if kid is None:
        return snapshot.by_version[min(snapshot.by_version)]
    known = {str(version): text for version, text in snapshot.by_version.items()}
    if not isinstance(kid, str) or kid not in known:
        raise InvalidTokenError("The token names a key that is not in use.")
    return known[kid]
