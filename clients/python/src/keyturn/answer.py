"""The body of `GET /v1/keyrings/{name}/keys`, checked field by field: whatever passes here is fit to sign and verify with."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Tuple

from .errors import BadAnswer, BadKey
from .snapshot import Key, Snapshot
from .strength import key_fault

MAX_LEASE_SECONDS = 7 * 86_400
MAX_REFRESH_SECONDS = 86_400
MAX_PREVIOUS = 128


class Asked(NamedTuple):
    """When a request was about to be sent, on both clocks, in seconds."""

    monotonic: float
    wall: float


def parse_answer(name: str, body: Any, etag: str, asked: Asked) -> Snapshot:
    """The snapshot that the answer to a request of this time grants. Raises BadAnswer or BadKey; messages quote no value."""
    answer = _object(body, "the answer")
    if _text(answer, "name") != name:
        raise BadAnswer("The service answered for another keyring.")
    current = _key(_field(answer, "current"), "current", may_be_weak=False)
    previous = _previous(_field(answer, "previous"))
    following = _next(_field(answer, "next"))
    _check_versions(current, previous, following)
    lease = whole_seconds(_field(answer, "leaseSeconds"), "leaseSeconds", MAX_LEASE_SECONDS)
    return Snapshot(
        name=name,
        revision=_text(answer, "revision"),
        etag=etag,
        current=current,
        previous=previous,
        next=following,
        refresh_seconds=whole_seconds(_field(answer, "refreshAfterSeconds"), "refreshAfterSeconds", MAX_REFRESH_SECONDS),
        lease_seconds=lease,
        monotonic_until=asked.monotonic + lease,
        wall_until=asked.wall + lease,
    )


def whole_seconds(value: Any, field: str, most: int) -> int:
    """A whole number from 1 to `most`; `True` is none."""
    if type(value) is not int or not 1 <= value <= most:
        raise BadAnswer(f"{field} must be a whole number from 1 to {most}.")
    return value


def _previous(value: Any) -> Tuple[Key, ...]:
    if not isinstance(value, list) or len(value) > MAX_PREVIOUS:
        raise BadAnswer(f"previous must be a list of at most {MAX_PREVIOUS} versions.")
    return tuple(_key(item, "previous", may_be_weak=True) for item in value)


def _next(value: Any) -> Optional[Key]:
    return None if value is None else _key(value, "next", may_be_weak=False)


def _key(value: Any, role: str, may_be_weak: bool) -> Key:
    item = _object(value, role)
    version = _field(item, "version")
    if type(version) is not int or version < 1:
        raise BadAnswer(f"The version of {role} must be a positive integer.")
    text, weak = _text(item, "key"), item.get("weak", False)
    if not isinstance(weak, bool):
        raise BadAnswer(f"The mark weak of {role} must be true or false.")
    if weak and not may_be_weak:
        raise BadKey(f"Version {version} is weak and may only verify, yet it is {role}. Nothing of this answer is used.")
    fault = key_fault(text, weak)
    if fault is not None:
        raise BadKey(f"The key of version {version} ({role}) {fault}. Nothing of this answer is used.")
    return Key(version, text, weak)


def _check_versions(current: Key, previous: Tuple[Key, ...], following: Optional[Key]) -> None:
    versions = [key.version for key in (current, *previous)] + ([] if following is None else [following.version])
    if len(set(versions)) != len(versions):
        raise BadAnswer("The answer names one version twice.")


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadAnswer(f"{what} must be an object.")
    return value


def _field(item: dict[str, Any], field: str) -> Any:
    if field not in item:
        raise BadAnswer(f"The answer has no {field}.")
    return item[field]


def _text(item: dict[str, Any], field: str) -> str:
    value = _field(item, field)
    if not isinstance(value, str):
        raise BadAnswer(f"{field} must be a text.")
    return value
