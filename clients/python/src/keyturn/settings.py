"""Where the service is and how the client proves itself: arguments first, then the environment."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Union
from urllib.parse import urlsplit

from .errors import ConfigError

DEFAULT_URL = "http://127.0.0.1:8460"
MAX_TOKEN_FILE_BYTES = 4096

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}\Z")
_TOKEN = re.compile(r"[\x21-\x7e]{1,1024}\Z")

PathLike = Union[str, "os.PathLike[str]"]


class Address(NamedTuple):
    """A base address taken apart; `url` is its one spelling, without a slash at its end."""

    url: str
    secure: bool
    host: str
    port: int
    path: str


def keyring_name(name: Optional[str]) -> str:
    text = name or os.environ.get("KEYTURN_KEYRING", "")
    if not _NAME.match(text):
        raise ConfigError("Name the keyring: in the call, or in KEYTURN_KEYRING (a-z, 0-9, dot, underscore, hyphen; at most 63).")
    return text


def address(url: Optional[str]) -> Address:
    text = (url or os.environ.get("KEYTURN_URL") or DEFAULT_URL).strip()
    wrong = ConfigError("The address of the service must look like https://keys.example.com:8460. Check KEYTURN_URL.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise wrong
    if not re.match(r"[\x21-\x7e]*\Z", text):
        raise wrong
    secure = parts.scheme == "https"
    path = parts.path.rstrip("/")
    return Address(f"{parts.scheme}://{parts.netloc}{path}", secure, parts.hostname, port or (443 if secure else 80), path)


def token_source(token: Optional[str], token_file: Optional[PathLike]) -> Callable[[], str]:
    """
    Of an argument, else of KEYTURN_TOKEN, else of the file in KEYTURN_TOKEN_FILE: as the other clients and the command line. A file is
    read anew for each request, so that a replaced one counts at once. Raises ConfigError.
    """
    if token is not None:
        return lambda: _checked(token, "The token that was passed")
    file = token_file or (None if os.environ.get("KEYTURN_TOKEN") else os.environ.get("KEYTURN_TOKEN_FILE"))
    if file:
        return lambda: _checked(_read(Path(file)), f"The token in {file}")
    return lambda: _checked(os.environ.get("KEYTURN_TOKEN", ""), "KEYTURN_TOKEN, without KEYTURN_TOKEN_FILE,")


def ca_file(file: Optional[PathLike]) -> Optional[str]:
    chosen = os.fspath(file) if file else os.environ.get("KEYTURN_CA_FILE")
    return chosen or None


def _read(file: Path) -> str:
    try:
        with open(file, "rb") as handle:
            return handle.read(MAX_TOKEN_FILE_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The token file {file} cannot be read ({type(error).__name__}). Check KEYTURN_TOKEN_FILE.") from None


def _checked(token: str, what: str) -> str:
    if not _TOKEN.match(token.strip()):
        raise ConfigError(f"{what} is empty or no token. An admin makes one with: keyturn token new")
    return token.strip()
