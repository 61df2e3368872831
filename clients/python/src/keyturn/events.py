"""What the client tells the application: changes of the keys, metrics, and log lines that hold no secret."""

from __future__ import annotations

import logging
from typing import Any, Callable, List, Mapping, Optional, Set

from .errors import KeyturnError
from .snapshot import Snapshot

OnChange = Callable[[Optional[Snapshot]], None]
"""Called after the keys changed, with None after their lease ended; in the thread that noticed."""

Metrics = Callable[[str, Mapping[str, Any]], None]
"""Called with the name of an event and its fields: see `Events`."""

log = logging.getLogger("keyturn")


class Events:
    """
    Metrics: `refresh` {outcome: changed, unchanged or the code of the error, seconds}, `keys` {current, next, previous (a number)},
    `lease_ended` {}, `clock_jump` {seconds}, `cache` {outcome}, `resign` {what}; each with {keyring}.
    A hook that raises is logged and has no other effect. A failure is logged when it begins and when it ends, not each time.
    """

    def __init__(self, name: str, metrics: Optional[Metrics]) -> None:
        self._name = name
        self._metrics = metrics
        self._listeners: List[OnChange] = []
        self._failing: Optional[str] = None
        self._told_weak: Set[int] = set()
        self._told_end = False

    def listen(self, listener: OnChange) -> None:
        self._listeners.append(listener)

    def count(self, event: str, **fields: Any) -> None:
        if self._metrics is not None:
            self._guard(lambda metrics: metrics(event, {"keyring": self._name, **fields}), self._metrics)

    def landed(self, snapshot: Snapshot, changed: bool) -> None:
        """An answer was taken. Listeners hear of keys that changed, and of keys that may be used again."""
        if self._failing is not None:
            self._failing = None
            log.info("Keyring %s: the service answers again.", self._name)
        if changed or self._told_end:
            self.changed(snapshot)

    def changed(self, snapshot: Snapshot) -> None:
        self._told_end = False
        following = None if snapshot.next is None else snapshot.next.version
        log.info("Keyring %s: version %d signs, next is %s.", self._name, snapshot.current.version, following)
        self.count("keys", current=snapshot.current.version, next=following, previous=len(snapshot.previous))
        self._tell_weak(snapshot)
        self._tell(snapshot)

    def lease_ended(self) -> None:
        if self._told_end:
            return
        self._told_end = True
        log.error("Keyring %s: the lease of the keys has ended without news from the service; they are not used any more.", self._name)
        self.count("lease_ended")
        self._tell(None)

    def failed(self, error: KeyturnError, lease_left: float) -> None:
        if self._failing == error.code:
            return
        self._failing = error.code
        outlook = f"the keys at hand last {lease_left:.0f} s more" if lease_left > 0 else "there are no keys"
        log.warning("Keyring %s: %s [%s]; %s.", self._name, str(error).rstrip("."), error.code, outlook)

    def _tell(self, snapshot: Optional[Snapshot]) -> None:
        for listener in tuple(self._listeners):
            self._guard(lambda call: call(snapshot), listener)

    def _tell_weak(self, snapshot: Snapshot) -> None:
        for key in snapshot.previous:
            if key.weak and key.version not in self._told_weak:
                self._told_weak.add(key.version)
                log.warning("Keyring %s: version %d is a weak key; it verifies until its grace ends.", self._name, key.version)

    def _guard(self, call: Callable[[Any], None], hook: Any) -> None:
        try:
            call(hook)
        except Exception as error:
            # The message of a stranger's exception may quote a key: only its type is safe.
            log.error("Keyring %s: a hook of the application raised %s.", self._name, type(error).__name__)
