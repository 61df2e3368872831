#!/usr/bin/env python3
"""
Two limits of the Python client, measured and printed; ends with 1 where one is broken.

    python clients/python/bench.py      (with Flask installed: the second limit too)

- reading the snapshot: under 2 µs;
- a Flask request with a session by 5 keys: under 20 µs more than the same request of plain Flask with one key.
"""

import statistics
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "src"), str(HERE / "tests")]

from keyturn import KeyringClient
from support.service import TOKEN, Service, key_of

SNAPSHOT_LIMIT = 2.0
REQUEST_LIMIT = 20.0
ROUNDS = 60
READS = 20_000
REQUESTS = 100
COOKIE_KEYS = {"current key": 5, "oldest of 5 keys (answered with a new cookie)": 1}


def micros(act, times):
    """Microseconds of processor time for one of so many calls: other programs of the machine do not count."""
    began = time.thread_time()
    for _ in range(times):
        act()
    return (time.thread_time() - began) / times * 1e6


def reading(client):
    client.snapshot()
    return statistics.median(micros(client.snapshot, READS) for _ in range(ROUNDS))


def flask_requests(client):
    from flask import Flask, session
    from keyturn.flask import Keyturn

    def application(setup):
        app = Flask(__name__)
        setup(app)
        app.add_url_rule("/", view_func=lambda: str(session.get("u")))
        return app

    def request(app, cookie):
        environment = app.test_request_context("/", headers={"Cookie": f"session={cookie}"}).request.environ

        def act():
            body = app.wsgi_app(dict(environment), lambda *_: None)
            assert b"".join(body) == b"1"

        return act

    plain = application(lambda app: app.config.update(SECRET_KEY=key_of(5)))
    turning = application(lambda app: Keyturn(app, client=client))

    def cookie(version):
        signer = application(lambda app: app.config.update(SECRET_KEY=key_of(version)))
        return signer.session_interface.get_signing_serializer(signer).dumps({"u": 1})

    base = request(plain, cookie(5))
    return {name: pairs(base, request(turning, cookie(version))) for name, version in COOKIE_KEYS.items()}


def pairs(base, other):
    """Medians of both, and of what the other takes more, each pair measured side by side."""
    measured = [(micros(base, REQUESTS), micros(other, REQUESTS)) for _ in range(ROUNDS)]
    first, second = (statistics.median(column) for column in zip(*measured))
    return first, second, statistics.median(more - less for less, more in measured)


def main():
    broken = False
    with Service(current=5, previous=[4, 3, 2, 1], lease=86_400, refresh=3_600) as service:
        client = KeyringClient("web", url=service.url, token=TOKEN).start()
        took = reading(client)
        broken |= took >= SNAPSHOT_LIMIT
        print(f"snapshot()                     {took:8.2f} µs   limit {SNAPSHOT_LIMIT:.0f} µs")
        try:
            results = flask_requests(client)
        except ImportError as error:
            results = {}
            print(f"Flask requests skipped: {error}")
        for name, (plain, turning, more) in results.items():
            print(f"Flask, session by {name}: {turning:.1f} µs, plain Flask {plain:.1f} µs, added {more:.1f} µs")
        if results:
            added = results["current key"][2]
            broken |= added >= REQUEST_LIMIT
            print(f"5 keys add                     {added:8.2f} µs   limit {REQUEST_LIMIT:.0f} µs")
        client.close()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
