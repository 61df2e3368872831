"""Application signing keys that rotate without logging anyone out: the client of the Keyturn service."""

from .client import KeyringClient
from .clock import Clock
from .errors import (
    BadAnswer,
    BadCache,
    BadKey,
    ClockJump,
    ConfigError,
    Forbidden,
    KeyringGone,
    KeyturnError,
    LeaseEnded,
    NoKeys,
    NotKeyturn,
    Redirected,
    RefreshError,
    Refused,
    StaleAnswer,
    TlsFailure,
    TooLarge,
    Truncated,
    Unavailable,
    Unreachable,
    WrongToken,
    WrongUrl,
)
from .snapshot import Key, Snapshot
from .timing import next_refresh, refresh_delay, retry_delay

__version__ = "0.1.0"

__all__ = [
    "BadAnswer",
    "BadCache",
    "BadKey",
    "Clock",
    "ClockJump",
    "ConfigError",
    "Forbidden",
    "Key",
    "KeyringClient",
    "KeyringGone",
    "KeyturnError",
    "LeaseEnded",
    "NoKeys",
    "NotKeyturn",
    "Redirected",
    "RefreshError",
    "Refused",
    "Snapshot",
    "StaleAnswer",
    "TlsFailure",
    "TooLarge",
    "Truncated",
    "Unavailable",
    "Unreachable",
    "WrongToken",
    "WrongUrl",
    "next_refresh",
    "refresh_delay",
    "retry_delay",
]
