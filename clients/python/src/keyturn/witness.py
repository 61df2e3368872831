from __future__ import annotations

from itsdangerous import BadData, URLSafeTimedSerializer
from itsdangerous.encoding import base64_decode


class Witness:
    """Tells whether one key signed a cookie of Flask's form. The key is derived once; a question costs one HMAC."""

    def __init__(self, serializer: URLSafeTimedSerializer) -> None:
        signer = serializer.make_signer(serializer.salt)
        self._algorithm = signer.algorithm
        self._derived = signer.derive_key()

    def signed(self, cookie: str) -> bool:
        value, _, signature = cookie.rpartition(".")
        try:
            return self._algorithm.verify_signature(self._derived, value.encode(), base64_decode(signature))
        except (BadData, ValueError):
            return False
