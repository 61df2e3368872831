"""The client of one keyring in one process: who asks, when, and in which thread."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from typing import Any, Dict, Optional

from .cache import CacheFile
from .clock import Clock
from .errors import KeyturnError, LeaseEnded, NoKeys
from .events import Events, Metrics, OnChange, log
from .identity import instance_id
from .refresher import Refresher
from .ring import Ring
from .settings import PathLike, address, ca_file, keyring_name, token_source
from .snapshot import Snapshot
from .timing import longest_wait
from .transport import Timeouts, Transport
from .under_uwsgi import threads_run

_getpid = os.getpid

INLINE = Timeouts(connect=0.5, read=1.0)
"""Where a request of the application waits for the answer."""


class KeyringClient:
    """
    Keeps the keys of one keyring at hand: `snapshot()` costs well under 2 µs.

    - `name`: the keyring; default the environment's KEYTURN_KEYRING.
    - `url`, `token`, `token_file`, `ca_file`: default KEYTURN_URL (http://127.0.0.1:8460), KEYTURN_TOKEN_FILE or
      KEYTURN_TOKEN, KEYTURN_CA_FILE.
    - `wait`: seconds that the service may hold a request until something changes; 0 (default) = ask every refresh interval only.
    - `cache_file`: where the last answer is kept, encrypted under the token, for a start while the service is down; default none.
    - `on_change`: called with the new snapshot, or with None when the lease has ended. `metrics`: see `Events`.
    - `instance`: a name for this host in the service's list of instances; default the host's name. Process id and four digits are added.
    - `connect_timeout`, `read_timeout`: seconds, default 2 and 3.
    - `background`: refresh in a thread (default), or, with False and under uWSGI without enable-threads, inside `snapshot()` when it is due.

    Survives forks: a child asks for itself under its own name. Nothing but ConfigError is raised by `start`; `snapshot` raises NoKeys.
    """

    _pid: int
    _thread: Optional[threading.Thread]
    instance: str

    def __init__(
        self,
        name: Optional[str] = None,
        *,
        url: Optional[str] = None,
        token: Optional[str] = None,
        token_file: Optional[PathLike] = None,
        ca_file_path: Optional[PathLike] = None,
        wait: int = 0,
        cache_file: Optional[PathLike] = None,
        on_change: Optional[OnChange] = None,
        metrics: Optional[Metrics] = None,
        instance: Optional[str] = None,
        connect_timeout: float = 2.0,
        read_timeout: float = 3.0,
        background: bool = True,
        clock: Optional[Clock] = None,
    ) -> None:
        self.name = keyring_name(name)
        self._clock = clock or Clock()
        self._monotonic, self._wall = self._clock.monotonic, self._clock.wall
        self._token = token_source(token, token_file)
        where = address(url)
        self._events = Events(self.name, metrics)
        if on_change is not None:
            self._events.listen(on_change)
        self._ring = Ring(self._clock)
        cache = None if cache_file is None else CacheFile(os.fspath(cache_file), self._token, where.url, self.name)
        transport = Transport(where, ca_file(ca_file_path))
        self._refresher = Refresher(self.name, self._ring, self._events, transport, self._token, cache)
        self._timeouts = Timeouts(connect_timeout, read_timeout)
        self._wait = wait
        self._background = background and threads_run()
        self._grace = connect_timeout + read_timeout + wait + 2.0 if self._background else 0.0
        self._instance_base = instance
        self._started = False
        self._closed = False
        self._own_process()
        if not where.secure and where.host not in ("127.0.0.1", "::1", "localhost"):
            log.warning("Keyring %s: token and keys travel in clear to %s. Use https where others share the network.", self.name, where.url)
        _CLIENTS.add(self)

    # --- what applications call -------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The keys to use now. Raises NoKeys (LeaseEnded where there were keys)."""
        ring = self._ring
        held = ring.held
        if held is not None and _getpid() == self._pid:
            monotonic = self._monotonic()
            if monotonic < ring.due + self._grace and monotonic < held.monotonic_until and self._wall() < held.wall_until:
                return held
        return self._slow()

    def peek(self) -> Optional[Snapshot]:
        """As `snapshot`, but never asks the service and never raises: None where there are no keys."""
        if os.getpid() != self._pid:
            self._after_fork()
        return self._ring.usable()

    async def snapshot_async(self) -> Snapshot:
        """As `snapshot`, without blocking the event loop where the service has to be asked."""
        held = self.peek()
        if held is not None and self._monotonic() < self._overdue():
            return held
        return await asyncio.get_running_loop().run_in_executor(None, self.snapshot)

    def start(self) -> KeyringClient:
        """Gets the first keys (from the service, else from the cache) and keeps them fresh. Raises ConfigError and
        nothing else: without keys `snapshot` raises."""
        if self._started and os.getpid() == self._pid:
            return self
        self._token()
        self._started = True
        if self._ring.usable() is None and self.refresh():
            self._hold_soon()
        if self._ring.held is None:
            self._refresher.start_from_cache()
        self._start_thread()
        return self

    def refresh(self) -> bool:
        """Asks the service now; True when the keys at hand are confirmed or new. False while another request is
        under way, or on failure (see `last_error`)."""
        self._after_fork()
        return self._refresher.attempt(self.instance, self._timeouts, 0)

    def close(self) -> None:
        """Ends the thread; the keys stay usable until their lease ends."""
        self._closed = True
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread() and os.getpid() == self._pid:
            thread.join(self._timeouts.connect)
        self._refresher.let_go_of_cache()

    def listen(self, listener: OnChange) -> None:
        """Adds a listener beside `on_change`."""
        self._events.listen(listener)

    def count(self, event: str, **fields: Any) -> None:
        """Reports an event of an integration to the metrics hook."""
        self._events.count(event, **fields)

    @property
    def last_error(self) -> Optional[KeyturnError]:
        """Why the latest request failed; None after a success."""
        return self._ring.last_error

    def status(self) -> Dict[str, Any]:
        """For a health page: versions, lease and last error; nothing secret."""
        held, error = self._ring.usable(), self._ring.last_error
        return {
            "keyring": self.name,
            "instance": self.instance,
            "usable": held is not None,
            "current": held.current.version if held else None,
            "next": held.next.version if held and held.next else None,
            "previous": [key.version for key in held.previous] if held else [],
            "leaseSecondsLeft": round(self._ring.lease_left(), 3),
            "failures": self._ring.failures,
            "lastError": error.code if error else None,
        }

    # --- when a reader has to do more than read ---------------------------------------------------------------------------------

    def _overdue(self) -> float:
        """From when on a reader refreshes itself: at once without a thread; with one, when the thread has had its time."""
        return self._ring.due + self._grace

    def _slow(self) -> Snapshot:
        if os.getpid() != self._pid:
            self._after_fork()
        if not self._started:
            self.start()
        usable = self._ring.usable()
        monotonic = self._monotonic()
        if usable is not None and monotonic < self._overdue():
            return usable
        if monotonic >= self._ring.due or usable is None:
            self._refresh_inline(usable)
        usable = self._ring.usable()
        if usable is not None:
            return usable
        self._ask_soon()
        raise self._no_keys()

    def _ask_soon(self) -> None:
        """Without keys a reader makes the thread ask whatever the back-off, once a second: requests are failing."""
        if self._thread is not None and self._monotonic() - self._refresher.asked_at >= 1.0:
            self._ring.put_due(0.0)
            self._wake.set()

    def _refresh_inline(self, usable: Optional[Snapshot]) -> None:
        """With keys at hand: unless another does it. Without: waits for the other. Respects the back-off."""
        if self._ring.failures and self._monotonic() < self._ring.due:
            return
        if not self._refresher.attempt(self.instance, INLINE, 0) and usable is None:
            self._ring.wait_for_landing(sum(self._timeouts))

    def _no_keys(self) -> NoKeys:
        error = self._ring.last_error
        why = f" The last attempt: {error} [{error.code}]" if error is not None else ""
        if self._ring.held is not None:
            self._events.lease_ended()
            ended = LeaseEnded(f"The lease of the keys of {self.name} has ended, so they must not be used any more.{why}")
            ended.__cause__ = error
            return ended
        missing = NoKeys(f"There are no keys of {self.name}.{why}")
        missing.__cause__ = error
        return missing

    # --- the thread, and forks --------------------------------------------------------------------------------------------------

    def _start_thread(self) -> None:
        if not self._background or self._closed or self._thread is not None:
            return
        thread = threading.Thread(target=self._run, args=(self._wake,), name=f"keyturn-{self.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # The interpreter is ending, or no thread is to be had: readers refresh by themselves.
            self._background, self._grace = False, 0.0
        else:
            self._thread = thread

    def _run(self, wake: threading.Event) -> None:
        while not self._closed and wake is self._wake:
            pause = self._ring.due - self._monotonic()
            if pause <= 0:
                self._poll()
                continue
            wake.wait(self._pause(pause))
            wake.clear()
            if self._ring.held is not None and self._ring.usable() is None:
                self._events.lease_ended()

    def _pause(self, pause: float) -> float:
        """Until the next request, or until the lease ends if that is sooner."""
        left = self._ring.lease_left()
        return min(pause, left + 0.001) if left > 0 else pause

    def _poll(self) -> None:
        held, began = self._ring.usable(), self._monotonic()
        wait = 0 if held is None else longest_wait(self._wait, self._ring.lease_left())
        if not self._refresher.attempt(self.instance, self._timeouts, wait):
            if self._ring.due <= self._monotonic():
                self._ring.put_due(0.2)  # Another request is under way.
            return
        now = self._ring.held
        changed = held is None or now is None or now.etag != held.etag
        if changed or not wait or self._monotonic() - began >= 1.0:
            self._hold_soon()

    def _hold_soon(self) -> None:
        """Where the service may hold requests the next one follows at once; not after one that it did not hold."""
        if self._background and longest_wait(self._wait, self._ring.lease_left()) > 0:
            self._ring.put_due(self._clock.unit())

    def _own_process(self) -> None:
        """What belongs to this process alone."""
        self._pid = os.getpid()
        self.instance = instance_id(self._instance_base)
        self._wake = threading.Event()
        self._thread = None

    def _after_fork(self) -> None:
        """In the child: own locks, own name, own thread. Keys and lease stay; the next request comes soon, not with
        those of the other workers."""
        if os.getpid() == self._pid:
            return
        self._ring.forked()
        self._refresher.let_go_of_cache()
        self._own_process()
        if self._started and not self._closed:
            left = max(0.0, self._ring.due - self._monotonic())
            self._ring.put_due(min(left, 5.0) * self._clock.unit())
            self._start_thread()


_CLIENTS: weakref.WeakSet[KeyringClient] = weakref.WeakSet()


def _all_after_fork() -> None:
    for client in list(_CLIENTS):
        client._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_all_after_fork)
