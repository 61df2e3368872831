"""What the reply to a keys request means."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn, Optional, Union

from .answer import MAX_LEASE_SECONDS, MAX_REFRESH_SECONDS, Asked, parse_answer, whole_seconds
from .errors import BadAnswer, Forbidden, KeyringGone, NotKeyturn, Unavailable, WrongToken, WrongUrl
from .snapshot import Snapshot
from .transport import Reply


class Fresh(NamedTuple):
    """New keys; `body` is the answer as it came, for the cache."""

    snapshot: Snapshot
    body: Any


class Renewed(NamedTuple):
    """The keys at hand under a new lease."""

    snapshot: Snapshot


def interpret(name: str, reply: Reply, asked: Asked, held: Optional[Snapshot]) -> Union[Fresh, Renewed]:
    """`held` is what the request named in If-None-Match. Raises the RefreshError that the reply amounts to."""
    if reply.status == 304:
        return Renewed(_renewed(reply, asked, held))
    if reply.status == 200:
        return _fresh(name, reply, asked)
    _raise_problem(name, reply)


def _fresh(name: str, reply: Reply, asked: Asked) -> Fresh:
    try:
        body = reply.json()
    except (ValueError, RecursionError):
        raise BadAnswer("The answer is no JSON text.") from None
    etag = reply.headers.get("etag", "")
    if not 2 <= len(etag) <= 1000 or not etag.isascii() or not etag.isprintable():
        raise BadAnswer("The answer has no ETag. Does a proxy remove it?")
    return Fresh(parse_answer(name, body, etag, asked), body)


def _renewed(reply: Reply, asked: Asked, held: Optional[Snapshot]) -> Snapshot:
    if held is None:
        raise BadAnswer("The service said that nothing changed, but nothing was at hand.")
    if _strong(reply.headers.get("etag", "")) != _strong(held.etag):
        raise BadAnswer("The service said that nothing changed, but named another ETag.")
    lease = whole_seconds(_number(reply.headers.get("keyturn-lease")), "Keyturn-Lease", MAX_LEASE_SECONDS)
    refresh = _number(reply.headers.get("keyturn-refresh", str(held.refresh_seconds)))
    return held.renewed(whole_seconds(refresh, "Keyturn-Refresh", MAX_REFRESH_SECONDS), lease, asked.monotonic + lease, asked.wall + lease)


def _strong(etag: str) -> str:
    """Proxies that compress make an ETag weak on the way."""
    return etag[2:] if etag.startswith("W/") else etag


def _number(text: Optional[str]) -> Optional[int]:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None


def _raise_problem(name: str, reply: Reply) -> NoReturn:
    code = _problem_code(reply)
    if reply.status == 401 and code == "unauthenticated":
        raise WrongToken("The service does not know this token. Check KEYTURN_TOKEN_FILE; an admin makes a token with: keyturn token new")
    if reply.status == 403 and code == "forbidden":
        raise Forbidden(f"This token may not read the keys of {name}: it needs the role app and that keyring.")
    if code == "keyring_not_found":
        raise KeyringGone(f"There is no keyring {name}, or this token may not see it. An operator creates it with: keyturn create {name}")
    if code == "keyring_deleted":
        raise KeyringGone(f"The keyring {name} is deleted. An operator undoes that with: keyturn restore {name}")
    if reply.status == 404 and code is not None:
        raise WrongUrl("The service does not know this path. KEYTURN_URL must be its base address.")
    if reply.status == 429 or reply.status >= 500:
        after = _number(reply.headers.get("retry-after")) or 0
        raise Unavailable(f"The service cannot answer now ({reply.status}, {code or 'no code'}).", float(after))
    raise BadAnswer(f"The service refused the request ({reply.status}, {code or 'no code'}). Do client and service fit together?")


def _problem_code(reply: Reply) -> Optional[str]:
    """The stable code of a problem document; None where a proxy answers 5xx or 429 in its own words. Raises
    NotKeyturn for other such answers."""
    try:
        body = reply.json()
    except NotKeyturn:
        if reply.status == 429 or reply.status >= 500:
            return None
        raise
    except (ValueError, RecursionError):
        body = None
    code = body.get("code") if isinstance(body, dict) else None
    if isinstance(code, str) and code.isascii() and code.replace("_", "").isalnum() and len(code) <= 40:
        return code
    if reply.status in (401, 403, 404, 410):
        raise NotKeyturn(
            f"Not Keyturn but something else answered ({reply.status}). Is KEYTURN_URL the service, and is a proxy in between?"
        )
    return None
