"""Flask-Security builds its serializers once, from a list in the wrong order: they are given the right list, again after each change."""

from __future__ import annotations

from typing import Any, List, Optional

from itsdangerous import Serializer

from ..unusable import UnusableKeys


def follow_keys(security: Any, keys: Optional[List[str]]) -> None:
    """`keys` oldest first, the signing key last; None = none may be used. Each serializer gets its list by one assignment."""
    if getattr(security, "_keyturn_keys", security) is keys:
        return
    encoded: List[bytes] = UnusableKeys() if keys is None else [key.encode() for key in keys]
    for name, value in list(vars(security).items()):
        if name.endswith("_serializer") and isinstance(value, Serializer):
            value.secret_keys = encoded
    security._keyturn_keys = keys
