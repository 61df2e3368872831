"""
Keyturn for Django 4.2 and later. In settings.py:

    from keyturn.django import keys
    SECRET_KEY, SECRET_KEY_FALLBACKS = keys("web")
    MIDDLEWARE = ["keyturn.django.KeyringMiddleware", ...]   # first

`keys` gives what holds at the start; the middleware keeps the settings equal to the keyring, and answers 503 while there are no keys.
"""

from .live import KeyringMiddleware, client, follow, keys

__all__ = ["KeyringMiddleware", "client", "follow", "keys"]
