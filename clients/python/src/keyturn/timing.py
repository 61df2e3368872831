"""When to ask again, as pure functions. `unit` is a random number in [0, 1); results are seconds."""

from __future__ import annotations

from typing import Optional

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 60.0
LONGEST_ACKNOWLEDGE_SECONDS = 10.0


def refresh_delay(refresh_seconds: float, unit: float) -> float:
    """Within 20 % of what the service asks for, so that instances that started together drift apart."""
    return refresh_seconds * (0.8 + 0.4 * unit)


def retry_delay(failures: int, refresh_seconds: Optional[float], retry_after: float, unit: float) -> float:
    """
    After the n-th failure in a row: one quick retry after a second, then no faster than the refreshes would have been anyway
    (`refresh_seconds` of the last good answer, None = there was none), doubling from 1 s to 60 s, within 20 %; not before the
    service wants to be asked again. A fleet that retried faster would meet a service that comes back with a multiple of its normal load.
    """
    doubled = FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 10)
    own = FIRST_RETRY_SECONDS if failures <= 1 else max(doubled, refresh_seconds or 0.0)
    asked = min(retry_after, LONGEST_RETRY_SECONDS)
    return max(refresh_delay(min(own, LONGEST_RETRY_SECONDS), unit), asked * (1.0 + 0.2 * unit))


def first_refresh(refresh_seconds: float, lease_seconds: float, unit: float) -> float:
    """From the start to the first refresh: anywhere in a whole interval, so that a fleet started at once is out of step at once."""
    return min(refresh_seconds * (0.2 + unit), max(1.0, lease_seconds / 3))


def acknowledge_delay(refresh_seconds: float, unit: float) -> float:
    """
    From new keys to the request that shows them to the service: within a tenth of a refresh, 10 s at most. A new key signs once all
    have shown it, and a fleet that comes back from an outage must not ask twice in the same second.
    """
    return min(LONGEST_ACKNOWLEDGE_SECONDS, refresh_seconds / 10) * unit


def next_refresh(refresh_seconds: float, lease_seconds: float, unit: float) -> float:
    """The refresh delay, sooner where the lease is so short that a third of it passes first."""
    return min(refresh_delay(refresh_seconds, unit), max(1.0, lease_seconds / 3))


def longest_wait(wait_seconds: int, lease_seconds: float) -> int:
    """How long a request may be held: the lease counts from before it, so a third of the lease is the most. 0 = do not hold."""
    return max(0, min(wait_seconds, 300, int(lease_seconds // 3)))
