"""The state of one client: which keys it holds, which request is under way, when to ask again. No I/O; thread-safe."""

from __future__ import annotations

import threading
from typing import NamedTuple, Optional

from .answer import Asked
from .clock import Clock
from .errors import KeyturnError, StaleAnswer
from .snapshot import Snapshot
from .timing import acknowledge_delay, first_refresh, next_refresh, retry_delay

BELIEVED_AFTER = 3
"""As many answers in a row with a lower version are believed: the service itself went back (a restored backup)."""


class Flight(NamedTuple):
    """
    A request under way. After `until` (monotonic) another may start, in case its thread was frozen. `held` are the keys
    that it shows to the service; None = it shows none, and is answered with keys.
    """

    number: int
    until: float
    asked: Asked
    held: Optional[Snapshot]


class Ring:
    """
    - `held` is replaced as a whole: a reader takes one reference and never a lock;
    - one flight at a time; an answer counts only if no later flight has been answered;
    - `due` is when the next request should start, in monotonic seconds;
    - keys are shown to the service (their ETag is sent) only by the process that they were given to, and not before its cache
      file is free of older ones: else the service would count on keys that a fork or a restart does not have.
    """

    def __init__(self, clock: Clock) -> None:
        self.held: Optional[Snapshot] = None
        self.due = 0.0
        self.failures = 0
        self.last_error: Optional[KeyturnError] = None
        self._clock = clock
        self._landed = 0
        self._number = 0
        self._older_in_a_row = 0
        self.forked()

    def forked(self) -> None:
        """New locks, which nobody in this process holds; the parent's flight is not ours, nor is what it was given."""
        self._shown: Optional[str] = None
        self._acknowledges = False
        self._lock = threading.Lock()
        self._flight: Optional[Flight] = None
        self._landing = threading.Condition(threading.Lock())

    def now(self) -> Asked:
        return Asked(self._clock.monotonic(), self._clock.wall())

    def usable(self) -> Optional[Snapshot]:
        held = self.held
        return held if held is not None and held.covers(self._clock.monotonic(), self._clock.wall()) else None

    def take_off(self, longest: float) -> Optional[Flight]:
        """A flight of at most so many seconds; None while another is under way."""
        with self._lock:
            now = self.now()
            if self._flight is not None and now.monotonic < self._flight.until:
                return None
            self._number += 1
            held = self.held
            shown = held if held is not None and held.etag == self._shown else None
            self._flight = Flight(self._number, now.monotonic + longest, now, shown)
            return self._flight

    def accept(self, flight: Flight, snapshot: Snapshot) -> bool:
        """Whether the answer became what is held; False where a later one came first. Raises StaleAnswer."""
        with self._lock:
            if flight.number <= self._landed:
                return False
            self._refuse_older(snapshot)
            self._landed = flight.number
            before, self.held = self.held, snapshot
            self.failures = 0
            self.last_error = None
            self.due = self._clock.monotonic() + self._pause(before, snapshot)
            return True

    def _pause(self, before: Optional[Snapshot], snapshot: Snapshot) -> float:
        """Never two acknowledgements in a row: a service whose every answer is new must not be asked without end."""
        self._acknowledges = before is not None and before.etag != snapshot.etag and not self._acknowledges
        unit = self._clock.unit()
        if self._acknowledges:
            return acknowledge_delay(snapshot.refresh_seconds, unit)
        delay = first_refresh if before is None else next_refresh
        return delay(snapshot.refresh_seconds, snapshot.lease_seconds, unit)

    def may_show(self, etag: str) -> None:
        """This process got these keys itself, and no older ones would come back from its cache file."""
        self._shown = etag

    def adopt(self, snapshot: Snapshot) -> None:
        """Keys from the cache: any answer replaces them."""
        with self._lock:
            if self.held is None:
                self.held = snapshot

    def fail(self, error: KeyturnError, at_least: float = 0.0) -> None:
        """Puts off the next request, at least by so many seconds."""
        with self._lock:
            self.failures += 1
            self.last_error = error
            refresh = None if self.held is None else self.held.refresh_seconds
            self.due = self._clock.monotonic() + retry_delay(self.failures, refresh, at_least, self._clock.unit())

    def land(self, flight: Flight) -> None:
        with self._lock:
            if self._flight is flight:
                self._flight = None
        with self._landing:
            self._landing.notify_all()

    def wait_for_landing(self, longest: float) -> None:
        """Until no request is under way, at most so many seconds."""
        with self._landing:
            self._landing.wait_for(lambda: self._flight is None, longest)

    def lease_left(self) -> float:
        """Seconds; 0 = there are no usable keys."""
        held, now = self.held, self.now()
        return 0.0 if held is None else max(0.0, min(held.monotonic_until - now.monotonic, held.wall_until - now.wall))

    def put_due(self, seconds: float) -> None:
        """Asks again so many seconds from now."""
        with self._lock:
            self.due = self._clock.monotonic() + seconds

    def _refuse_older(self, snapshot: Snapshot) -> None:
        held = self.usable()
        if held is None or snapshot.current.version >= held.current.version:
            self._older_in_a_row = 0
            return
        self._older_in_a_row += 1
        if self._older_in_a_row < BELIEVED_AFTER:
            raise StaleAnswer("The answer is older than the keys at hand: one replica is behind.")
        self._older_in_a_row = 0
