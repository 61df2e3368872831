"""Keyturn for plain itsdangerous: signers and serializers whose keys follow a keyring."""

from __future__ import annotations

from typing import Any, List, Tuple, Type, TypeVar

from itsdangerous import Serializer, Signer

from .client import KeyringClient

T = TypeVar("T", bound="Signer | Serializer[Any]")


class _FollowsKeyring:
    """`secret_keys` is read for each signature and each verification: always the keys of now, oldest first, the signing one last."""

    _keyturn_client: KeyringClient
    _keyturn_built: Tuple[str, List[bytes]] = ("", [])

    @property
    def secret_keys(self) -> List[bytes]:
        snapshot = self._keyturn_client.snapshot()
        etag, keys = self._keyturn_built
        if etag != snapshot.etag:
            keys = [key.encode() for key in snapshot.oldest_first]
            self._keyturn_built = (snapshot.etag, keys)
        return keys

    @secret_keys.setter
    def secret_keys(self, _given: Any) -> None:
        """The library's constructor assigns what it was given; the keyring's keys stand."""


def live(client: KeyringClient, kind: Type[T], *args: Any, **kwargs: Any) -> T:
    """
    `live(client, URLSafeTimedSerializer, salt="invite")`: an object of that class, without a key to pass. Without
    keys, signing and verifying raise NoKeys.
    """
    following = type(f"Live{kind.__name__}", (_FollowsKeyring, kind), {"_keyturn_client": client})
    made: T = following([], *args, **kwargs)
    return made
