"""Remember cookies of Flask-Login, which knows one key only and no end of a cookie's life."""

from __future__ import annotations

from typing import Any, Optional

from flask import Flask, Request, g, session as current_session
from flask_login import decode_cookie, encode_cookie

from ..client import KeyringClient
from ..snapshot import Snapshot

DEFAULT_COOKIE = "remember_token"


def keep_remembered(app: Flask, manager: Any, request: Request, session: Any, snapshot: Snapshot, client: KeyringClient) -> None:
    """
    A remember cookie that an older key signed is issued anew: at once where its user is logged in (Flask-Login would
    not look at it and it would die with its key), else when it logs its user in.
    """
    _teach(manager, client)
    cookie = request.cookies.get(app.config.get("REMEMBER_COOKIE_NAME", DEFAULT_COOKIE))
    if not cookie or session is None or "_user_id" not in session or "_remember" in session:
        return
    user = _user_of_older(cookie, snapshot)
    if user is not None and user == str(session["_user_id"]):
        session["_remember"] = "set"
        client.count("resign", what="remember")


def _teach(manager: Any, client: KeyringClient) -> None:
    """Wraps the manager's own way to load a user from a cookie, once."""
    load = getattr(manager, "_load_user_from_remember_cookie", None)
    if load is None or getattr(manager, "_keyturn_taught", False):
        return

    def load_by_any_key(cookie: str) -> Any:
        snapshot = g.get("_keyturn")
        user_id = _user_of_older(cookie, snapshot) if isinstance(snapshot, Snapshot) else None
        if user_id is None:
            return load(cookie)
        user = load(encode_cookie(user_id, key=snapshot.current.text))
        if user is not None:
            current_session["_remember"] = "set"
            client.count("resign", what="remember")
        return user

    manager._load_user_from_remember_cookie = load_by_any_key
    manager._keyturn_taught = True


def _user_of_older(cookie: str, snapshot: Snapshot) -> Optional[str]:
    """The user of a cookie that another than the current key signed; None = nobody, or the current key did."""
    if _decoded(cookie, snapshot.current.text) is not None:
        return None
    found = (_decoded(cookie, key) for key in snapshot.newest_first[1:])
    return next((user for user in found if user is not None), None)


def _decoded(cookie: str, key: str) -> Optional[str]:
    try:
        user: Optional[str] = decode_cookie(cookie, key=key)
    except (TypeError, ValueError):  # A digest or a key outside the alphabet that Flask-Login can compare.
        return None
    return user
