"""When to ask again, as pure functions. `unit` is a random number in [0, 1); results are seconds."""

from __future__ import annotations

MAX_BACK_OFF = 60.0


def refresh_delay(refresh_seconds: float, unit: float) -> float:
    """Within 20 % of what the service asks for, so that instances that started together drift apart."""
    return refresh_seconds * (0.8 + 0.4 * unit)


def back_off_delay(failures: int, unit: float) -> float:
    """After the n-th failure in a row: 1 s doubling to 60 s, of which a random half is taken off."""
    return min(MAX_BACK_OFF, 2.0 ** min(failures - 1, 10)) * (0.5 + 0.5 * unit)


def next_refresh(refresh_seconds: float, lease_seconds: float, unit: float) -> float:
    """The refresh delay, sooner where the lease is so short that a third of it passes first."""
    return min(refresh_delay(refresh_seconds, unit), max(1.0, lease_seconds / 3))


def longest_wait(wait_seconds: int, lease_seconds: float) -> int:
    """How long a request may be held: the lease counts from before it, so a third of the lease is the most. 0 = do not hold."""
    return max(0, min(wait_seconds, 300, int(lease_seconds // 3)))
