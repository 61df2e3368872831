"""Writes the test vectors of the clients beside itself. Standard library only, and nothing of the clients: an independent witness.

python3 clients/vectors/make.py          writes the files
python3 clients/vectors/make.py --check  fails where a file differs
"""

import base64
import hashlib
import hmac
import json
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).parent

KEYS = {
    1: hashlib.sha256(b"vector key 1").hexdigest(),
    2: hashlib.sha256(b"vector key 2").hexdigest(),
    3: hashlib.sha256(b"vector key 3").hexdigest(),
    4: hashlib.sha256(b"vector key 4").hexdigest(),
    5: base64.urlsafe_b64encode(hashlib.sha384(b"vector key 5").digest()).decode(),
}


# --- answers -------------------------------------------------------------------------------------------------------------------


def signing(version, key=None):
    return {"version": version, "key": KEYS[version] if key is None else key, "activatesAt": f"2026-0{version}-01T03:00:00.000Z"}


def verifying(version, key=None, **more):
    return {"version": version, "key": KEYS[version] if key is None else key, "verifyUntil": "2026-12-01T03:00:00.000Z", **more}


def answer(current, previous=(), following=None, **more):
    return {
        "name": "web",
        "revision": "r1",
        "current": current,
        "previous": list(previous),
        "next": following,
        "refreshAfterSeconds": 60,
        "leaseSeconds": 86400,
        **more,
    }


FULL = answer(signing(3), [verifying(2), verifying(1)], signing(4))
ALONE = answer(signing(1))
WEAK = answer(signing(3), [verifying(2), verifying(1, "changeme", weak=True)], None)


def without(value, field):
    return {name: item for name, item in value.items() if name != field}


def answers():
    def accepted(name, value):
        return {"name": name, "answer": value, "accepted": True, "error": None}

    def refused(name, value, error):
        return {"name": name, "answer": value, "accepted": False, "error": error}

    key = KEYS[3]
    return [
        accepted("current, two previous and next", FULL),
        accepted("current alone", ALONE),
        accepted("a weak key among the previous", WEAK),
        accepted("a base64url key of 48 bytes", answer(signing(5))),
        accepted("fields that a later service may add", answer({**signing(3), "origin": "imported"}, later=True)),
        refused("an empty current key", answer(signing(3, "")), "bad_key"),
        refused("a current key of 31 characters", answer(signing(3, "k9!" * 10 + "z")), "bad_key"),
        refused("a current key of 32 hex digits, which are 16 bytes", answer(signing(3, key[:32])), "bad_key"),
        refused("a current key of 42 base64url characters, which are 31 bytes", answer(signing(3, (key + "_-")[-42:])), "bad_key"),
        refused("a weak current key", answer({**signing(3, "changeme"), "weak": True}), "bad_key"),
        refused("a long current key that is marked weak", answer({**signing(3), "weak": True}), "bad_key"),
        refused("a weak next key", answer(signing(3), [], {**signing(4, "changeme"), "weak": True}), "bad_key"),
        refused("an empty next key", answer(signing(3), [], signing(4, "")), "bad_key"),
        refused("an empty previous key", answer(signing(3), [verifying(2, "")]), "bad_key"),
        refused("an empty previous key that is marked weak", answer(signing(3), [verifying(2, "", weak=True)]), "bad_key"),
        refused("a short previous key that is not marked weak", answer(signing(3), [verifying(2, "changeme")]), "bad_key"),
        refused("a weak previous key of 7 characters, which can all be tried", answer(signing(3), [verifying(2, "changem", weak=True)]), "bad_key"),
        refused("a weak previous key with a character outside printable ASCII", answer(signing(3), [verifying(2, "changemé", weak=True)]), "bad_key"),
        refused("a weak mark that is no boolean", answer(signing(3), [verifying(2, "changeme", weak="yes")]), "bad_answer"),
        refused("a key beyond 1024 characters", answer(signing(3, "k9!" * 342)), "bad_key"),
        refused("a current key with a character outside printable ASCII", answer(signing(3, key[:-1] + "é")), "bad_key"),
        refused("a list where the current key is expected", answer(signing(3, [key])), "bad_answer"),
        refused("a list where a previous key is expected", answer(signing(3), [verifying(2, [KEYS[2]])]), "bad_answer"),
        refused("a string where the previous keys are expected", {**FULL, "previous": KEYS[2]}, "bad_answer"),
        refused("strings where previous versions are expected", answer(signing(3), [KEYS[2]]), "bad_answer"),
        refused("an object where the previous keys are expected", {**FULL, "previous": verifying(2)}, "bad_answer"),
        refused("a list where the current version is expected", answer([signing(3)]), "bad_answer"),
        refused("a list where next is expected", answer(signing(3), [], [signing(4)]), "bad_answer"),
        refused("a string where the current version is expected", answer(key), "bad_answer"),
        refused("no current", without(FULL, "current"), "bad_answer"),
        refused("a null current", answer(None), "bad_answer"),
        refused("no previous", without(FULL, "previous"), "bad_answer"),
        refused("a null previous", {**FULL, "previous": None}, "bad_answer"),
        refused("no next", without(FULL, "next"), "bad_answer"),
        refused("no lease", without(FULL, "leaseSeconds"), "bad_answer"),
        refused("a lease of nothing", answer(signing(3), leaseSeconds=0), "bad_answer"),
        refused("a lease that is a text", answer(signing(3), leaseSeconds="86400"), "bad_answer"),
        refused("a lease that is true", answer(signing(3), leaseSeconds=True), "bad_answer"),
        refused("a lease beyond 7 days", answer(signing(3), leaseSeconds=604801), "bad_answer"),
        refused("a refresh of nothing", answer(signing(3), refreshAfterSeconds=0), "bad_answer"),
        refused("a version that is a text", answer({**signing(3), "version": "3"}), "bad_answer"),
        refused("a version of 0", answer({**signing(3), "version": 0}), "bad_answer"),
        refused("one version twice", answer(signing(3), [verifying(2), verifying(2)]), "bad_answer"),
        refused("the current version among the previous", answer(signing(3), [verifying(3)]), "bad_answer"),
        refused("keys of another keyring", answer(signing(3), name="admin"), "bad_answer"),
        refused("a list", [FULL], "bad_answer"),
        refused("a string", "keys", "bad_answer"),
        refused("null", None, "bad_answer"),
    ]


# --- order ---------------------------------------------------------------------------------------------------------------------


def order(name, value):
    newest_first = sorted(value["previous"], key=lambda item: -item["version"])
    previous = [item["key"] for item in newest_first]
    current = value["current"]["key"]
    following = [] if value["next"] is None else [value["next"]["key"]]
    others = [*newest_first, *([] if value["next"] is None else [value["next"]]), value["current"]]
    return {
        "name": name,
        "answer": value,
        "signsWith": current,
        "itsdangerous": [*reversed(previous), *following, current],
        "flask": {
            "SECRET_KEY": current,
            "SECRET_KEY_FALLBACKS": [*reversed(previous), *following, current],
            "WTF_CSRF_SECRET_KEY": [*reversed(previous), *following, current],
        },
        "django": {"SECRET_KEY": current, "SECRET_KEY_FALLBACKS": [current, *following, *previous]},
        "keygrip": [current, *following, *previous],
        "byVersion": {str(item["version"]): item["key"] for item in sorted(others, key=lambda item: item["version"])},
        "ironSession": {"sealsWith": value["current"]["version"]},
    }


def orders():
    mixed = answer(signing(3), [verifying(1), verifying(2)], signing(4))
    return [
        order("all roles", FULL),
        order("current alone", ALONE),
        order("a weak previous key", WEAK),
        order("no next", answer(signing(2), [verifying(1)])),
        order("next alone", answer(signing(1), [], signing(2))),
        order("previous keys in the wrong order are put right", mixed),
    ]


# --- time ----------------------------------------------------------------------------------------------------------------------


def lease(name, asked, seconds, now, usable, renewals=()):
    return {"name": name, "asked": asked, "leaseSeconds": seconds, "renewals": list(renewals), "now": now, "usable": usable}


def leases():
    asked = {"mono": 1000.0, "wall": 1700000000.0}

    def at(mono, wall=None):
        return {"mono": 1000.0 + mono, "wall": 1700000000.0 + (mono if wall is None else wall)}

    return [
        lease("just asked", asked, 10, at(0), True),
        lease("the last millisecond", asked, 10, at(9.999), True),
        lease("the lease ends at its end, not after it", asked, 10, at(10), False),
        lease("long after", asked, 10, at(1000), False),
        lease("the wall clock was set forward: the earlier end counts", asked, 10, at(1, 10), False),
        lease("the machine slept: only the wall clock went on", asked, 10, at(2, 3600), False),
        lease("the wall clock was set back: the monotonic clock still ends it", asked, 10, at(10, -3600), False),
        lease("the wall clock was set back within the lease", asked, 10, at(5, -3600), True),
        lease("the time of the answer does not count", asked, 3, at(3.5), False),
        lease("a 304 renews from before its own request", asked, 10, at(14), True, [{"asked": at(5), "leaseSeconds": 10}]),
        lease(
            "a renewal may shorten: the service has been without its store", asked, 10, at(7), False, [{"asked": at(5), "leaseSeconds": 2}]
        ),
    ]


def delays():
    units = [0.0, 0.25, 0.5, 0.75, 0.999]
    refresh = [{"refreshSeconds": r, "unit": u, "seconds": round(r * (0.8 + 0.4 * u), 9)} for r in (1, 60, 3600) for u in units]

    def retry(failures, refresh_seconds, after, unit):
        own = 1 if failures == 1 else min(60, max(2 ** min(failures - 1, 6), refresh_seconds or 0))
        seconds = max(own * (0.8 + 0.4 * unit), min(after or 0, 60) * (1 + 0.2 * unit))
        return {
            "failures": failures,
            "refreshSeconds": refresh_seconds,
            "retryAfterSeconds": after,
            "unit": unit,
            "seconds": round(seconds, 9),
        }

    paces = [(n, r, None) for r in (None, 1, 10, 60, 3600) for n in (1, 2, 3, 4, 6, 7, 8, 50, 5000)]
    wishes = [(1, None, 0), (1, 60, 5), (2, 60, 5), (1, None, 86400), (6, 1, 40), (50, 3600, 61)]
    first = [{"refreshSeconds": r, "unit": u, "seconds": round(r * (0.2 + u), 9)} for r in (1, 60, 3600) for u in units]
    shows = [{"refreshSeconds": r, "unit": u, "seconds": round(min(10, r / 10) * u, 9)} for r in (1, 60, 3600) for u in units]
    retries = [retry(*case, unit) for case in [*paces, *wishes] for unit in units]
    return {"refresh": refresh, "first": first, "acknowledge": shows, "retry": retries}


# --- exchanges -----------------------------------------------------------------------------------------------------------------


def exchanges():
    json_type = {"Content-Type": "application/json; charset=utf-8"}
    problem_type = {"Content-Type": "application/problem+json; charset=utf-8"}
    renewed = {"ETag": '"a.3.4.2"', "Keyturn-Lease": "60", "Keyturn-Refresh": "5"}

    def step(seconds, sends, status, headers, body, then):
        return {
            "atSeconds": seconds,
            "expectIfNoneMatch": sends,
            "reply": {"status": status, "headers": headers, "body": body},
            "then": then,
        }

    def then(version, until, etag, error=None, cached=True):
        return {"currentVersion": version, "leaseUntilSeconds": until, "etag": etag, "error": error, "cached": cached}

    def problem(status, code):
        return {
            "type": f"https://keyturn.dev/problems/{code}",
            "title": "A title",
            "status": status,
            "detail": "A detail.",
            "code": code,
            "requestId": "r",
        }

    first = answer(signing(3), [verifying(2), verifying(1)], signing(4), leaseSeconds=100)
    second = answer(signing(4), [verifying(3)], None, leaseSeconds=100)
    got = step(0, None, 200, {**json_type, "ETag": '"a.3.4.2"'}, first, then(3, 100, '"a.3.4.2"'))

    def failing(name, status, headers, body, error, cached):
        after = then(3, 100, '"a.3.4.2"', error, cached)
        return {"name": name, "steps": [got, step(10, '"a.3.4.2"', status, headers, body, after)]}

    return [
        {
            "name": "a 304 renews the lease and keeps the keys, a 200 replaces them",
            "steps": [
                got,
                step(10, '"a.3.4.2"', 304, renewed, None, then(3, 70, '"a.3.4.2"')),
                step(20, '"a.3.4.2"', 200, {**json_type, "ETag": '"b.4.0.1"'}, second, then(4, 120, '"b.4.0.1"')),
            ],
        },
        failing("a 304 without its lease renews nothing", 304, {"ETag": '"a.3.4.2"'}, None, "bad_answer", True),
        failing("a 304 for another ETag renews nothing", 304, {**renewed, "ETag": '"z"'}, None, "bad_answer", True),
        {
            "name": "a 304 before any keys gives none",
            "steps": [step(0, None, 304, renewed, None, then(None, None, None, "bad_answer", False))],
        },
        failing("a 200 without an ETag is refused", 200, json_type, second, "bad_answer", True),
        failing("HTML instead of JSON", 200, {"Content-Type": "text/html"}, "<html>maintenance</html>", "not_keyturn", True),
        failing("a broken JSON text", 200, {**json_type, "ETag": '"b"'}, '{"name":"web","current', "bad_answer", True),
        failing("a redirect is not followed", 302, {"Location": "http://127.0.0.1:1/elsewhere"}, None, "redirected", True),
        failing("a 500", 500, problem_type, problem(500, "internal"), "unavailable", True),
        failing("a 503", 503, problem_type, problem(503, "lease_exhausted"), "unavailable", True),
        failing("a 429", 429, problem_type, problem(429, "rate_limited"), "unavailable", True),
        failing("a 401 of the service empties the cache", 401, problem_type, problem(401, "unauthenticated"), "wrong_token", False),
        failing("a 403 of the service empties the cache", 403, problem_type, problem(403, "forbidden"), "forbidden", False),
        failing(
            "a 404 of the service for the keyring empties the cache",
            404,
            problem_type,
            problem(404, "keyring_not_found"),
            "keyring_gone",
            False,
        ),
        failing("a 410 of the service empties the cache", 410, problem_type, problem(410, "keyring_deleted"), "keyring_gone", False),
        failing("a 404 for the path is a wrong address", 404, problem_type, problem(404, "route_not_found"), "wrong_url", True),
        failing(
            "a 404 of a proxy without a service behind it", 404, {"Content-Type": "text/plain"}, "404 page not found", "not_keyturn", True
        ),
        failing(
            "a 404 of something else that speaks JSON",
            404,
            {"Content-Type": "application/json"},
            {"message": "no Route matched"},
            "not_keyturn",
            True,
        ),
        failing("a 403 of a proxy", 403, {"Content-Type": "text/html"}, "<html>no</html>", "not_keyturn", True),
        failing(
            "an answer of a replica that is behind is refused",
            200,
            {**json_type, "ETag": '"y.2.0.1"'},
            answer(signing(2), [verifying(1)]),
            "stale_answer",
            True,
        ),
    ]


# --- cache file ----------------------------------------------------------------------------------------------------------------

MAGIC = b"KTCACHE1"


def hkdf(secret, salt, info, length):
    prk = hmac.new(salt, secret, hashlib.sha256).digest()
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([counter]), hashlib.sha256).digest()
        out, counter = out + block, counter + 1
    return out[:length]


def sealed(token, url, name, salt, plaintext):
    info = b"keyturn cache v1\n" + url.encode() + b"\n" + name.encode()
    keys = hkdf(token.encode(), salt, info, 64)
    stream = b"".join(hmac.new(keys[:32], index.to_bytes(8, "big"), hashlib.sha256).digest() for index in range(len(plaintext) // 32 + 1))
    body = MAGIC + salt + bytes(a ^ b for a, b in zip(plaintext, stream))
    return body + hmac.new(keys[32:], body, hashlib.sha256).digest(), keys


def caches():
    token = "keyturn_AAAAAAAAAAAA_" + "B" * 43 + "_CCCCCC"
    url = "https://keys.example.com:8460"
    salt = hashlib.sha256(b"vector salt").digest()
    content = {"format": 1, "askedAt": 1700000000000, "leaseUntil": 1700086400000, "etag": '"a.3.4.2"', "answer": FULL}
    cases = []
    for name, text in [
        ("a whole cache", json.dumps(content)),
        ("31 bytes", "x" * 31),
        ("32 bytes", "x" * 32),
        ("33 bytes", "é" + "x" * 31),
        ("nothing", ""),
    ]:
        plaintext = text.encode()
        data, keys = sealed(token, url, "web", salt, plaintext)
        cases.append(
            {
                "name": name,
                "token": token,
                "url": url,
                "keyring": "web",
                "saltHex": salt.hex(),
                "encryptionKeyHex": keys[:32].hex(),
                "macKeyHex": keys[32:].hex(),
                "plaintext": text,
                "fileHex": data.hex(),
            }
        )
    whole = bytes.fromhex(cases[0]["fileHex"])

    def flipped(index):
        changed = bytearray(whole)
        changed[index] ^= 1
        return bytes(changed).hex()

    refused = [
        {"name": "another magic", "fileHex": flipped(7)},
        {"name": "a changed salt", "fileHex": flipped(8)},
        {"name": "a changed first byte of the text", "fileHex": flipped(40)},
        {"name": "a changed tag", "fileHex": flipped(len(whole) - 1)},
        {"name": "the last byte missing", "fileHex": whole[:-1].hex()},
        {"name": "a byte too many", "fileHex": (whole + b"\0").hex()},
        {"name": "shorter than head and tag", "fileHex": whole[:71].hex()},
        {"name": "empty", "fileHex": ""},
        {"name": "another token", "fileHex": sealed(token[:-1] + "D", url, "web", salt, b"{}")[0].hex()},
        {"name": "another keyring", "fileHex": sealed(token, url, "admin", salt, b"{}")[0].hex()},
        {"name": "another service", "fileHex": sealed(token, "https://staging.example.com", "web", salt, b"{}")[0].hex()},
    ]

    def use(name, now, usable, error=None, **change):
        return {"name": name, "plaintext": json.dumps({**content, **change}), "nowMillis": now, "usable": usable, "error": error}

    asked, until = content["askedAt"], content["leaseUntil"]
    uses = [
        use("within its lease", asked + 1000, True),
        use("the last millisecond of its lease", until - 1, True),
        use("its lease has ended", until, False, "lease_ended"),
        use("the clock is a little behind", asked - 5000, True),
        use("the clock is far behind", asked - 5001, False, "clock_jump"),
        use("a lease longer than any", asked + 1000, False, "bad_cache", leaseUntil=asked + 604800001),
        use("another format", asked + 1000, False, "bad_cache", format=2),
        use("an answer with an empty key", asked + 1000, False, "bad_key", answer=answer(signing(3, ""))),
    ]
    return {"sealed": cases, "refused": {"token": token, "url": url, "keyring": "web", "files": refused}, "use": uses}


# --- tokens --------------------------------------------------------------------------------------------------------------------


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def stamped(value, seconds):
    return value + b"." + b64(seconds.to_bytes((seconds.bit_length() + 7) // 8, "big"))


def signed(value, derived):
    return (value + b"." + b64(hmac.new(derived, value, hashlib.sha1).digest())).decode()


def by_hmac(key, salt):
    return hmac.new(key.encode(), salt, hashlib.sha1).digest()


def by_django_concat(key, salt):
    return hashlib.sha1(salt + b"signer" + key.encode()).digest()


def payload(text):
    data = text.encode()
    packed = zlib.compress(data)
    return b"." + b64(packed) if len(packed) < len(data) - 1 else b64(data)


def flask_session(key, text, seconds):
    return signed(stamped(payload(text), seconds), by_hmac(key, b"cookie-session"))


def flask_wtf(key, raw, seconds):
    return signed(stamped(payload(json.dumps(raw)), seconds), by_django_concat(key, b"wtf-csrf-token"))


def starlette(key, text, seconds):
    return signed(stamped(base64.b64encode(text.encode()), seconds), by_django_concat(key, b"itsdangerous.Signer"))


def remember(key, user):
    return f"{user}|" + hmac.new(key.encode("latin-1"), user.encode(), hashlib.sha512).hexdigest()


def django_sign(key, value, salt):
    derived = hashlib.sha256(salt.encode() + b"signer" + key.encode()).digest()
    return f"{value}:" + b64(hmac.new(derived, value.encode(), hashlib.sha256).digest()).decode()


def keygrip(key, value):
    return b64(hmac.new(key.encode(), value.encode(), hashlib.sha1).digest()).decode()


def tokens():
    seconds = 1700000000
    long_session = '{"cart":"' + "apple " * 60 + '"}'
    keys = {"fixed": "test-key", "1": KEYS[1], "3": KEYS[3], "5": KEYS[5], "empty": "", "weak": "dev"}
    return [
        {
            "name": name,
            "key": key,
            "issuedAt": seconds,
            "flaskSession": {"json": '{"u":1}', "cookie": flask_session(key, '{"u":1}', seconds)},
            "flaskSessionCompressed": {"json": long_session, "cookie": flask_session(key, long_session, seconds)},
            "flaskWtfCsrf": {"raw": "deadbeef", "token": flask_wtf(key, "deadbeef", seconds)},
            "flaskLoginRemember": {"user": "42", "cookie": remember(key, "42")},
            "starletteSession": {"json": '{"u": 1}', "cookie": starlette(key, '{"u": 1}', seconds)},
            "djangoSigner": {"value": "hello", "salt": "vector", "signed": django_sign(key, "hello", "vector")},
            "keygrip": {"value": "session=abc", "signature": keygrip(key, "session=abc")},
        }
        for name, key in keys.items()
    ]


# --- files ---------------------------------------------------------------------------------------------------------------------

FILES = {
    "answers.json": answers,
    "order.json": orders,
    "lease.json": leases,
    "delays.json": delays,
    "exchanges.json": exchanges,
    "cache.json": caches,
    "tokens.json": tokens,
}


def main():
    fixed = tokens()[0]
    assert fixed["flaskSession"]["cookie"] == "eyJ1IjoxfQ.ZVPxAA.VHTK0JTPlERvAt89vibUsXk_tZE"
    assert fixed["flaskWtfCsrf"]["token"] == "ImRlYWRiZWVmIg.ZVPxAA.taam1ud5KfFGuWFGpOjypwsDsI8"
    for name, make in FILES.items():
        text = json.dumps(make(), indent=2, ensure_ascii=False) + "\n"
        if "--check" not in sys.argv:
            (HERE / name).write_text(text, encoding="utf-8")
        elif (HERE / name).read_text(encoding="utf-8") != text:
            sys.exit(f"{name} is not what make.py writes")


main()
