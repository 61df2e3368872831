"""The keys of one answer, and until when they may be used."""

from __future__ import annotations

from typing import Dict, Optional, Tuple


class Key:
    """One version of a keyring. Its text hides itself in representations, and so in logs and tracebacks."""

    __slots__ = ("text", "version", "weak")

    version: int
    text: str
    weak: bool

    def __init__(self, version: int, text: str, weak: bool = False) -> None:
        object.__setattr__(self, "version", version)
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "weak", weak)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("A key does not change.")

    def __repr__(self) -> str:
        return f"Key(version={self.version}, text=[secret])"

    def __reduce__(self) -> str:
        raise TypeError("A key is not pickled: its text would leave the process.")


class Snapshot:
    """
    The keys of a keyring at one time; never changes.

    - `current` signs and verifies, `previous` (newest first) and `next` only verify;
    - `oldest_first` ends with the key that signs: the order of itsdangerous;
    - `newest_first` begins with it: the order of Django and keygrip; `next` is never at the signing end;
    - `etag` identifies keys and roles: equal tags, equal keys;
    - the lease ends at `monotonic_until` or `wall_until`, whichever comes first (seconds of `time.monotonic` and `time.time`).
    """

    __slots__ = (
        "by_version",
        "current",
        "etag",
        "lease_seconds",
        "monotonic_until",
        "name",
        "newest_first",
        "next",
        "oldest_first",
        "previous",
        "refresh_seconds",
        "revision",
        "wall_until",
    )

    name: str
    revision: str
    etag: str
    current: Key
    previous: Tuple[Key, ...]
    next: Optional[Key]
    refresh_seconds: int
    lease_seconds: float
    monotonic_until: float
    wall_until: float
    newest_first: Tuple[str, ...]
    oldest_first: Tuple[str, ...]
    by_version: Dict[int, str]

    def __init__(
        self,
        *,
        name: str,
        revision: str,
        etag: str,
        current: Key,
        previous: Tuple[Key, ...],
        next: Optional[Key],  # noqa: A002 - the word of the API
        refresh_seconds: int,
        lease_seconds: float,
        monotonic_until: float,
        wall_until: float,
    ) -> None:
        put = object.__setattr__
        ordered = tuple(sorted(previous, key=lambda key: -key.version))
        keys = (current, *(() if next is None else (next,)), *ordered)
        put(self, "name", name)
        put(self, "revision", revision)
        put(self, "etag", etag)
        put(self, "current", current)
        put(self, "previous", ordered)
        put(self, "next", next)
        put(self, "refresh_seconds", refresh_seconds)
        put(self, "lease_seconds", lease_seconds)
        put(self, "monotonic_until", monotonic_until)
        put(self, "wall_until", wall_until)
        put(self, "newest_first", tuple(key.text for key in keys))
        put(self, "oldest_first", tuple(key.text for key in reversed(keys)))
        put(self, "by_version", {key.version: key.text for key in keys})

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("A snapshot does not change.")

    def __repr__(self) -> str:
        following = None if self.next is None else self.next.version
        previous = [key.version for key in self.previous]
        return f"Snapshot(name={self.name!r}, current={self.current.version}, previous={previous}, next={following})"

    def __reduce__(self) -> str:
        raise TypeError("A snapshot is not pickled: its keys would leave the process.")

    def covers(self, monotonic: float, wall: float) -> bool:
        """Whether the lease lasts at this time on both clocks."""
        return monotonic < self.monotonic_until and wall < self.wall_until

    def renewed(self, refresh_seconds: int, lease_seconds: float, monotonic_until: float, wall_until: float) -> Snapshot:
        """The same keys under a lease of their own."""
        return Snapshot(
            name=self.name,
            revision=self.revision,
            etag=self.etag,
            current=self.current,
            previous=self.previous,
            next=self.next,
            refresh_seconds=refresh_seconds,
            lease_seconds=lease_seconds,
            monotonic_until=monotonic_until,
            wall_until=wall_until,
        )
