"""Every way in which the client says no. `code` is stable; messages say what to do next and never hold a key or a token."""

from __future__ import annotations

from typing import ClassVar


class KeyturnError(Exception):
    code: ClassVar[str] = "keyturn"


class ConfigError(KeyturnError):
    """A setting is missing or wrong: the only failure that `KeyringClient.start` raises."""

    code = "config"


class NoKeys(KeyturnError):
    """There are no keys that may be used. `__cause__` says why the service gave none."""

    code = "no_keys"


class LeaseEnded(NoKeys):
    """There were keys, and their lease has ended without news from the service."""

    code = "lease_ended"


class RefreshError(KeyturnError):
    """Asking the service failed. The keys at hand stay in use while their lease lasts."""

    code = "refresh"


class Refused(RefreshError):
    """The service itself says that this caller gets no keys: the cache on disk is removed."""


class WrongToken(Refused):
    code = "wrong_token"


class Forbidden(Refused):
    code = "forbidden"


class KeyringGone(Refused):
    code = "keyring_gone"


class WrongUrl(RefreshError):
    code = "wrong_url"


class Unreachable(RefreshError):
    code = "unreachable"


class TlsFailure(RefreshError):
    code = "tls_failure"


class Redirected(RefreshError):
    code = "redirected"


class NotKeyturn(RefreshError):
    """Something else answered: a proxy's page, HTML instead of JSON."""

    code = "not_keyturn"


class Unavailable(RefreshError):
    """The service answered that it cannot answer now. `retry_after` is in seconds, 0 where it did not say."""

    code = "unavailable"

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Truncated(RefreshError):
    code = "truncated"


class TooLarge(RefreshError):
    code = "too_large"


class BadAnswer(RefreshError):
    """The answer has not the shape of the API."""

    code = "bad_answer"


class BadKey(RefreshError):
    """A key of the answer is empty, too short or otherwise unfit; nothing of the answer is used."""

    code = "bad_key"


class StaleAnswer(RefreshError):
    """The answer is older than the keys at hand."""

    code = "stale_answer"


class ClockJump(RefreshError):
    """The wall clock and the monotonic clock disagree."""

    code = "clock_jump"


class BadCache(RefreshError):
    """The cache file cannot be used."""

    code = "bad_cache"
