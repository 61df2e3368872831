from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

from ..client import KeyringClient
from ..errors import ConfigError, NoKeys
from ..snapshot import Snapshot
from ..unusable import UnusableKey

MAX_WRITES = 10

_client: Optional[KeyringClient] = None


def keys(keyring: Optional[str] = None, **options: Any) -> Tuple[str, List[str]]:
    """
    SECRET_KEY and SECRET_KEY_FALLBACKS of now, for settings.py. `options` are KeyringClient's.
    Raises NoKeys where neither service nor cache has keys: Django cannot start without.
    """
    global _client
    if _client is None:
        _client = KeyringClient(keyring, **options).start()
        _client.listen(_on_change)
    snapshot = _client.snapshot()
    return snapshot.current.text, list(snapshot.newest_first)


def client() -> KeyringClient:
    """The client that `keys` made."""
    if _client is None:
        raise ConfigError("Call keyturn.django.keys(...) in settings.py first.")
    return _client


def follow(settings: Any, snapshot: Optional[Snapshot]) -> None:
    """
    Makes the settings equal to the snapshot. Django caches settings, and a reader in the middle of reading one can
    put the old value back for good:
    so all keys go into the fallbacks first (whoever mixes old and new still verifies everything), and what was
    written is read again until it holds.
    """
    for _ in range(MAX_WRITES):
        if _holds(settings, snapshot):
            return
        if snapshot is None:
            settings.SECRET_KEY = UnusableKey()
            settings.SECRET_KEY_FALLBACKS = []
        else:
            settings.SECRET_KEY_FALLBACKS = list(snapshot.newest_first)
            settings.SECRET_KEY = snapshot.current.text


def _holds(settings: Any, snapshot: Optional[Snapshot]) -> bool:
    current, fallbacks = settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS
    if snapshot is None:
        return isinstance(current, UnusableKey) and fallbacks == []
    return bool(current == snapshot.current.text and fallbacks == list(snapshot.newest_first))


def _on_change(snapshot: Optional[Snapshot]) -> None:
    from django.conf import settings

    if settings.configured:
        follow(settings, snapshot)


class KeyringMiddleware:
    """Put it first: each request begins with the settings equal to the keyring."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response
        self._client = client()

    def __call__(self, request: Any) -> Any:
        from django.conf import settings
        from django.http import HttpResponse

        try:
            snapshot = self._client.snapshot()
        except NoKeys:
            follow(settings, None)
            return HttpResponse("The service is not ready: its signing keys are missing.", status=503, headers={"Retry-After": "5"})
        follow(settings, snapshot)
        return self._get_response(request)
