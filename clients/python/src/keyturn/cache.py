"""
The cache file: the last answer, encrypted under the client's own token, for a start while the service is down.
Its format and test vectors are in clients/vectors/README.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
from typing import Any, BinaryIO, Callable, Dict, NamedTuple, Optional, Tuple

from .answer import MAX_LEASE_SECONDS, Asked, parse_answer
from .errors import BadAnswer, BadCache, ClockJump, LeaseEnded
from .snapshot import Snapshot

try:
    import fcntl
except ImportError:  # Windows: every process needs a file of its own there.
    fcntl = None  # type: ignore[assignment]

MAGIC = b"KTCACHE1"
MAX_FILE_BYTES = 262_144
CLOCK_TOLERANCE_MILLIS = 5_000

_SALT, _TAG = 32, 32


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA-256 (RFC 5869)."""
    extracted = hmac.new(salt, secret, hashlib.sha256).digest()
    out, block = b"", b""
    while len(out) < length:
        block = hmac.new(extracted, block + info + bytes([len(out) // 32 + 1]), hashlib.sha256).digest()
        out += block
    return out[:length]


def _keys(token: str, url: str, name: str, salt: bytes) -> Tuple[bytes, bytes]:
    info = b"keyturn cache v1\n" + url.encode() + b"\n" + name.encode()
    both = hkdf(token.encode(), salt, info, 64)
    return both[:32], both[32:]


def _crypt(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA-256 in counter mode; its own inverse."""
    blocks = (hmac.new(key, index.to_bytes(8, "big"), hashlib.sha256).digest() for index in range(-(-len(data) // 32)))
    return bytes(a ^ b for a, b in zip(data, b"".join(blocks)))


def seal(token: str, url: str, name: str, salt: bytes, plaintext: bytes) -> bytes:
    encryption, authentication = _keys(token, url, name, salt)
    body = MAGIC + salt + _crypt(encryption, plaintext)
    return body + hmac.new(authentication, body, hashlib.sha256).digest()


def unseal(token: str, url: str, name: str, data: bytes) -> bytes:
    """Raises BadCache where a byte, the token, the service or the keyring is another."""
    if len(data) < len(MAGIC) + _SALT + _TAG or not data.startswith(MAGIC):
        raise BadCache("The cache file is none of this version.")
    body, tag = data[:-_TAG], data[-_TAG:]
    encryption, authentication = _keys(token, url, name, body[len(MAGIC) : len(MAGIC) + _SALT])
    if not hmac.compare_digest(tag, hmac.new(authentication, body, hashlib.sha256).digest()):
        raise BadCache("The cache file belongs to another token, service or keyring, or it was changed.")
    return _crypt(encryption, body[len(MAGIC) + _SALT :])


class Cached(NamedTuple):
    """A cached answer and its lease in wall-clock milliseconds."""

    asked_at: int
    lease_until: int
    etag: str
    answer: Any


def to_plaintext(cached: Cached) -> bytes:
    fields: Dict[str, Any] = {
        "format": 1,
        "askedAt": cached.asked_at,
        "leaseUntil": cached.lease_until,
        "etag": cached.etag,
        "answer": cached.answer,
    }
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def from_plaintext(plaintext: bytes) -> Cached:
    """Raises BadCache."""
    try:
        fields = json.loads(plaintext)
    except (ValueError, RecursionError):
        raise BadCache("The cache file holds no JSON text.") from None
    if not isinstance(fields, dict) or fields.get("format") != 1:
        raise BadCache("The cache file has another format.")
    asked, until, etag = fields.get("askedAt"), fields.get("leaseUntil"), fields.get("etag")
    if type(asked) is not int or type(until) is not int or not isinstance(etag, str):
        raise BadCache("The cache file lacks its times or its ETag.")
    if not 0 < until - asked <= MAX_LEASE_SECONDS * 1000:
        raise BadCache("The cache file claims a lease longer than any.")
    return Cached(asked, until, etag, fields.get("answer"))


def revive(name: str, cached: Cached, now: Asked) -> Snapshot:
    """The cached keys under what is left of their lease. Raises LeaseEnded, ClockJump, BadAnswer or BadKey."""
    now_millis = now.wall * 1000
    if now_millis < cached.asked_at - CLOCK_TOLERANCE_MILLIS:
        raise ClockJump("The cache file is from the future: the clock was set back, so its lease cannot be trusted.")
    left = (cached.lease_until - now_millis) / 1000
    if left <= 0:
        raise LeaseEnded("The lease of the cached keys has ended.")
    if not isinstance(cached.answer, dict):
        raise BadAnswer("The cached answer must be an object.")
    snapshot = parse_answer(name, cached.answer, cached.etag, now)
    return snapshot.renewed(snapshot.refresh_seconds, left, now.monotonic + left, cached.lease_until / 1000)


class CacheFile:
    """
    One file for one keyring of one service. Raises BadCache and OSError. Its writer holds a lock on it while it lives, and nobody reads it
    meanwhile: what it holds is the writer's lease, which ends when the writer shows newer keys to the service.
    """

    def __init__(self, path: str, token: Callable[[], str], url: str, name: str) -> None:
        self.path = path
        self._token = token
        self._url = url
        self._name = name
        self._locked: Optional[BinaryIO] = None

    def let_go(self) -> None:
        """This process shows no more keys to the service (or is a fork of the writer, which goes on): others may live on what it wrote."""
        if self._locked is not None:
            self._locked.close()
        self._locked = None

    def read(self) -> Cached:
        return from_plaintext(unseal(self._token(), self._url, self._name, self._bytes()))

    def write(self, cached: Cached) -> None:
        data = seal(self._token(), self._url, self._name, os.urandom(_SALT), to_plaintext(cached))
        if len(data) > MAX_FILE_BYTES:
            raise BadCache("The answer is too large for the cache.")
        beside = f"{self.path}.{os.getpid()}.{os.urandom(6).hex()}.tmp"
        file = None
        try:
            file = self._create(beside, data)
            os.replace(beside, self.path)
        except BaseException:
            if file is not None:
                file.close()
            _remove(beside)
            raise
        self.let_go()
        self._locked = file

    def remove(self) -> None:
        _remove(self.path)

    def _create(self, path: str, data: bytes) -> BinaryIO:
        """The file, still open and locked."""
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        try:
            if fcntl is not None:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            file.close()
            raise
        return file

    def _bytes(self) -> bytes:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(self.path, flags), "rb") as file:
            _check_private(os.fstat(file.fileno()))
            _check_left_behind(file.fileno())
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise BadCache("The cache file is too large.")
        return data


def _check_private(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise BadCache("The cache is no regular file.")
    if os.name == "posix" and (status.st_mode & 0o077 or status.st_uid != os.geteuid()):
        raise BadCache("The cache file is open to others or belongs to somebody else (it must be 0600 and of the own user).")


def _check_left_behind(descriptor: int) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BadCache("The process that wrote the cache file still runs: its lease is its own.") from None


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
