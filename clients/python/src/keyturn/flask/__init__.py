"""Keyturn for Flask 2.3 and later: `Keyturn(app)` instead of a SECRET_KEY."""

from .extension import Keyturn

__all__ = ["Keyturn"]
