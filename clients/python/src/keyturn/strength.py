"""Which keys may be used: the rules of the service, applied again to whatever arrives."""

from __future__ import annotations

import re
from typing import Optional

MIN_KEY_BYTES = 32
MIN_KEY_LENGTH = 32
MIN_VERIFYING_LENGTH = 8
MAX_KEY_LENGTH = 1024

_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+\Z")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}\Z")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}\Z")
_PRINTABLE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\Z")


def entropy_bearing_bytes(text: str) -> int:
    """How many bytes of a key's text can bear entropy; where several readings fit, the smallest counts."""
    if _HEX.match(text):
        return len(text) // 2
    if _BASE64.match(text) or _BASE64URL.match(text):
        return len(text.rstrip("=")) * 3 // 4
    return len(text)


def key_fault(text: str, weak: bool) -> Optional[str]:
    """Why this key may not be used, without quoting it. `weak` keys only verify, by an operator's explicit wish."""
    if text == "":
        return "is empty"
    if len(text) > MAX_KEY_LENGTH:
        return f"is longer than {MAX_KEY_LENGTH} characters"
    if not _PRINTABLE.match(text):
        return "has characters outside printable ASCII, or blanks at an end"
    if len(text) < MIN_VERIFYING_LENGTH:
        return f"has fewer than {MIN_VERIFYING_LENGTH} characters"
    if weak:
        return None
    if len(text) < MIN_KEY_LENGTH or entropy_bearing_bytes(text) < MIN_KEY_BYTES:
        return f"is shorter than {MIN_KEY_BYTES} bytes"
    return None
