"""Asking the service once, and what follows from the answer; the cache file; nothing about when or in which thread."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Optional, Union

from .answer import Asked
from .cache import Cached, CacheFile, revive
from .errors import BadCache, ClockJump, ConfigError, KeyturnError, RefreshError, Refused, Unavailable
from .events import Events, log
from .exchange import Fresh, Renewed, interpret
from .ring import Flight, Ring
from .snapshot import Snapshot
from .transport import Timeouts, Transport

CLOCK_JUMP_SECONDS = 5.0


class Refresher:
    def __init__(
        self, name: str, ring: Ring, events: Events, transport: Transport, token: Callable[[], str], cache: Optional[CacheFile]
    ) -> None:
        self._name = name
        self._ring = ring
        self._events = events
        self._transport = transport
        self._token = token
        self._cache = cache
        self._body: Any = None
        self._cached_at = float("-inf")
        self.asked_at = float("-inf")
        self._offset: Optional[float] = None

    def attempt(self, instance: str, timeouts: Timeouts, wait: int) -> bool:
        """Whether the keys at hand are new or confirmed; False also while another request is under way."""
        flight = self._ring.take_off(sum(timeouts) + wait + 1.0)
        if flight is None:
            return False
        began = time.perf_counter()
        self.asked_at = flight.asked.monotonic
        try:
            outcome = self._fly(flight, instance, timeouts, wait)
        finally:
            self._ring.land(flight)
        self._events.count("refresh", outcome=outcome, seconds=time.perf_counter() - began)
        return outcome in ("changed", "unchanged")

    def start_from_cache(self) -> None:
        """Adopts the cached keys while their lease lasts, unless the service itself refused this caller."""
        if self._cache is None or isinstance(self._ring.last_error, Refused):
            return
        try:
            cached = self._cache.read()
            snapshot = revive(self._name, cached, self._ring.now())
        except FileNotFoundError:
            return
        except (KeyturnError, OSError) as error:
            code = error.code if isinstance(error, KeyturnError) else type(error).__name__
            log.warning("Keyring %s: the cache cannot be used [%s].", self._name, code)
            return self._events.count("cache", outcome=code)
        self._body = cached.answer
        self._ring.adopt(snapshot)
        log.warning("Keyring %s: started from the cache; its lease lasts %.0f s more.", self._name, snapshot.lease_seconds)
        self._events.count("cache", outcome="used")
        self._events.changed(snapshot)

    def let_go_of_cache(self) -> None:
        """No keys are shown to the service any more by this process, or not those of its parent."""
        if self._cache is not None:
            self._cache.let_go()

    def _fly(self, flight: Flight, instance: str, timeouts: Timeouts, wait: int) -> str:
        self._watch_clocks(flight.asked)
        try:
            reply = self._transport.get(self._path(flight.held, wait), self._headers(flight.held, instance), timeouts, wait)
            return self._accept(flight, interpret(self._name, reply, flight.asked, flight.held))
        except KeyturnError as error:
            return self._failed(error)
        except Exception as error:  # Whatever it is, the application goes on.
            return self._failed(RefreshError(f"Asking for the keys failed ({type(error).__name__})."))

    def _path(self, held: Optional[Snapshot], wait: int) -> str:
        return f"/v1/keyrings/{self._name}/keys" + (f"?wait={wait}" if wait and held is not None else "")

    def _headers(self, held: Optional[Snapshot], instance: str) -> Dict[str, str]:
        headers = {"Authorization": f"Bearer {self._token()}", "Keyturn-Instance": instance, "User-Agent": "keyturn-python"}
        return headers if held is None else {**headers, "If-None-Match": held.etag}

    def _accept(self, flight: Flight, answer: Union[Fresh, Renewed]) -> str:
        before, snapshot = self._ring.held, answer.snapshot
        if not self._ring.accept(flight, snapshot):
            return "unchanged"
        fresh = isinstance(answer, Fresh)
        if isinstance(answer, Fresh):
            self._body = answer.body
        if self._write_cache(snapshot, flight.asked, fresh):
            self._ring.may_show(snapshot.etag)
        changed = before is None or before.etag != snapshot.etag
        self._events.landed(snapshot, changed)
        return "changed" if changed else "unchanged"

    def _failed(self, error: KeyturnError) -> str:
        self._ring.fail(error, error.retry_after if isinstance(error, Unavailable) else 0.0)
        self._events.failed(error, self._ring.lease_left())
        if isinstance(error, Refused) and self._cache is not None:
            self._with_cache("removed", self._cache.remove)
        return error.code

    def _watch_clocks(self, now: Asked) -> None:
        """The lease ends at the earlier of both clocks, whatever they do; a jump is said, for it may end the lease too soon."""
        offset, before = now.wall - now.monotonic, self._offset
        self._offset = offset
        if before is not None and abs(offset - before) > CLOCK_JUMP_SECONDS:
            jump = ClockJump(
                f"The wall clock moved by {offset - before:.0f} s against the monotonic clock. Check the time synchronisation."
            )
            log.warning("Keyring %s: %s [%s]", self._name, jump, jump.code)
            self._events.count("clock_jump", seconds=offset - before)

    def _write_cache(self, snapshot: Snapshot, asked: Asked, fresh: bool) -> bool:
        """
        New keys at once; a renewed lease when a quarter of it has passed since the last writing. Whether the file is free of older keys:
        one that cannot be written is removed.
        """
        if self._cache is None or self._body is None:
            return True
        if not fresh and asked.monotonic - self._cached_at < snapshot.lease_seconds / 4:
            return True
        cached = Cached(int(asked.wall * 1000), int(snapshot.wall_until * 1000), snapshot.etag, self._body)
        cache = self._cache
        if self._with_cache("written", lambda: cache.write(cached)):
            self._cached_at = asked.monotonic
            return True
        return not fresh or self._with_cache("removed", cache.remove)

    def _with_cache(self, outcome: str, act: Callable[[], None]) -> bool:
        try:
            act()
        except (OSError, BadCache, ConfigError) as error:
            log.warning("Keyring %s: the cache file could not be %s (%s).", self._name, outcome, type(error).__name__)
            return False
        self._events.count("cache", outcome=outcome)
        return True
