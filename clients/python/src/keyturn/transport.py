"""One GET request to the service: bounded in time and size, no redirects, no proxies, a connection of its own (nothing survives a fork)."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from typing import Any, Dict, NamedTuple, Optional, Tuple

from .errors import NotKeyturn, Redirected, RefreshError, TlsFailure, TooLarge, Truncated, Unreachable
from .settings import Address

MAX_ANSWER_BYTES = 262_144


class Timeouts(NamedTuple):
    """Seconds: for connecting (TLS included), and for the whole answer once the request is sent, beyond what it may be held."""

    connect: float
    read: float


class Reply(NamedTuple):
    status: int
    headers: Dict[str, str]
    """By lower-case name."""
    body: bytes

    def json(self) -> Any:
        """Raises NotKeyturn where the body is something else than JSON, ValueError where it is broken JSON."""
        media = self.headers.get("content-type", "").split(";")[0].strip().lower()
        if media not in ("application/json", "application/problem+json"):
            raise NotKeyturn(
                f"Not Keyturn but something else answered ({self.status}, {media[:40] or 'no content type'}). Is "
                f"KEYTURN_URL the service, and is a proxy in between?"
            )
        return json.loads(self.body.decode("utf-8"))


class Transport:
    """Raises Unreachable, TlsFailure, Redirected, NotKeyturn, TooLarge or Truncated; any other answer is returned."""

    def __init__(self, address: Address, ca_file: Optional[str]) -> None:
        self._address = address
        self._ca_file = ca_file

    def get(self, path: str, headers: Dict[str, str], timeouts: Timeouts, held: float = 0.0) -> Reply:
        connection = self._connection(timeouts)
        try:
            return self._exchange(connection, path, headers, timeouts.read + held)
        except RefreshError:
            raise
        except ssl.SSLError as error:
            raise self._tls_failure(error) from None
        except http.client.IncompleteRead:
            raise Truncated("The answer ended early.") from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(
                f"{self._address.url} does not answer ({type(error).__name__}). Check that the service runs and that KEYTURN_URL is right."
            ) from None
        finally:
            connection.close()

    def _connection(self, timeouts: Timeouts) -> http.client.HTTPConnection:
        address = self._address
        if not address.secure:
            return http.client.HTTPConnection(address.host, address.port, timeout=timeouts.connect)
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ssl.SSLError) as error:
            raise TlsFailure(
                f"The certificates in {self._ca_file} cannot be read ({type(error).__name__}). Check KEYTURN_CA_FILE."
            ) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return http.client.HTTPSConnection(address.host, address.port, timeout=timeouts.connect, context=context)

    def _exchange(self, connection: http.client.HTTPConnection, path: str, headers: Dict[str, str], seconds: float) -> Reply:
        connection.connect()
        connection.sock.settimeout(seconds)
        deadline = time.monotonic() + seconds
        connection.request("GET", f"{self._address.path}{path}", headers={"Accept": "application/json", **headers})
        with connection.getresponse() as response:
            if response.status in (301, 302, 303, 307, 308):
                raise Redirected(
                    f"{self._address.url} redirects elsewhere, and the token goes nowhere else. Put the final address into KEYTURN_URL."
                )
            body = _body(response, deadline)
            return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, body)

    def _tls_failure(self, error: ssl.SSLError) -> TlsFailure:
        reason = getattr(error, "verify_message", None) or error.reason or type(error).__name__
        return TlsFailure(f"TLS with {self._address.url} failed: {reason}. For a certificate of your own authority set KEYTURN_CA_FILE.")


def _body(response: http.client.HTTPResponse, deadline: float) -> bytes:
    announced = response.length
    if announced is not None and announced > MAX_ANSWER_BYTES:
        raise TooLarge(f"The answer is larger than {MAX_ANSWER_BYTES} bytes.")
    parts, size = _parts(response, deadline)
    if announced is not None and size < announced:
        raise Truncated(f"The answer ended after {size} of {announced} bytes.")
    return parts


def _parts(response: http.client.HTTPResponse, deadline: float) -> Tuple[bytes, int]:
    body = bytearray()
    while True:
        part = response.read1(16_384)
        if not part:
            return bytes(body), len(body)
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise TooLarge(f"The answer is larger than {MAX_ANSWER_BYTES} bytes.")
        if time.monotonic() > deadline:
            raise Unreachable("The answer took too long.")
