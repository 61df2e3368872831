"""Plain itsdangerous, and the tokens of the shared vectors read by the real libraries."""

import base64
import json
from pathlib import Path

import pytest
from flask.sessions import SecureCookieSessionInterface
from flask_login import decode_cookie
from itsdangerous import BadSignature, Signer, TimestampSigner, URLSafeSerializer, URLSafeTimedSerializer
from keyturn import NoKeys
from keyturn.itsdangerous import live

TOKENS = json.loads((Path(__file__).parents[3] / "vectors" / "tokens.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", [URLSafeTimedSerializer, URLSafeSerializer, Signer, TimestampSigner])
def test_a_live_object_signs_with_current_and_verifies_with_all(keyring, key, kind):
    made = live(keyring.client, kind, salt="invite")
    sign, read = (
        (made.dumps, made.loads)
        if hasattr(made, "dumps")
        else (lambda text: made.sign(text).decode(), lambda text: made.unsign(text).decode())
    )
    old = sign("hello")
    keyring.turn(current=2, previous=[1], following=3)
    assert read(old) == "hello"
    fixed = kind([key(2)], salt="invite")
    (fixed.loads if hasattr(fixed, "loads") else fixed.unsign)(sign("new"))
    keyring.turn(current=2)
    with pytest.raises(BadSignature):
        read(old)
    keyring.lose()
    with pytest.raises(NoKeys):
        sign("hello")
    with pytest.raises(NoKeys):
        read(old)


@pytest.mark.parametrize("vector", TOKENS, ids=[vector["name"] for vector in TOKENS])
def test_the_vectors_are_what_the_libraries_make(vector):
    key = vector["key"]
    interface = SecureCookieSessionInterface
    session = URLSafeTimedSerializer(
        key,
        salt=interface.salt,
        serializer=interface.serializer,
        signer_kwargs={"key_derivation": interface.key_derivation, "digest_method": interface.digest_method},
    )
    for name in ("flaskSession", "flaskSessionCompressed"):
        assert session.loads(vector[name]["cookie"]) == json.loads(vector[name]["json"])
    csrf, signed = URLSafeTimedSerializer(key, salt="wtf-csrf-token").loads(vector["flaskWtfCsrf"]["token"], return_timestamp=True)
    assert (csrf, int(signed.timestamp())) == (vector["flaskWtfCsrf"]["raw"], vector["issuedAt"])
    assert decode_cookie(vector["flaskLoginRemember"]["cookie"], key=key) == vector["flaskLoginRemember"]["user"]
    data = TimestampSigner(key).unsign(vector["starletteSession"]["cookie"])
    assert base64.b64decode(data).decode() == vector["starletteSession"]["json"]


def test_the_vector_for_django_is_what_django_makes():
    signing = pytest.importorskip("django.core.signing", reason="Django is tested with Flask 3.1")
    for vector in TOKENS:
        if vector["key"]:
            made = signing.Signer(key=vector["key"], salt=vector["djangoSigner"]["salt"], fallback_keys=[])
            assert made.sign(vector["djangoSigner"]["value"]) == vector["djangoSigner"]["signed"]
