"""The vectors that all clients share: clients/vectors/README.md."""

import json
import os
import tempfile
import unittest
from pathlib import Path

from keyturn import KeyringClient, KeyturnError, refresh_delay, retry_delay
from keyturn.answer import Asked, parse_answer
from keyturn.cache import from_plaintext, revive, seal, unseal
from keyturn.errors import BadCache
from keyturn.timing import acknowledge_delay, first_refresh
from support.clocks import Hands
from support.service import TOKEN, Service

VECTORS = Path(__file__).parents[3] / "vectors"
ASKED = Asked(1000.0, 1_700_000_000.0)


def vectors(name):
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


class Answers(unittest.TestCase):
    def test_each_answer_is_accepted_or_refused_by_its_error(self):
        for case in vectors("answers.json"):
            with self.subTest(case["name"]):
                try:
                    parse_answer("web", case["answer"], '"e"', ASKED)
                    error = None
                except KeyturnError as failure:
                    error = failure.code
                self.assertEqual(error, case["error"])

    def test_no_message_quotes_a_key(self):
        for case in vectors("answers.json"):
            if case["accepted"]:
                continue
            with self.assertRaises(KeyturnError) as caught:
                parse_answer("web", case["answer"], '"e"', ASKED)
            self.assertNotRegex(str(caught.exception), r"[0-9a-f]{20}|k9!k9!|changem")


class Order(unittest.TestCase):
    def test_each_consumer_gets_its_list(self):
        for case in vectors("order.json"):
            with self.subTest(case["name"]):
                snapshot = parse_answer("web", case["answer"], '"e"', ASKED)
                self.assertEqual(snapshot.current.text, case["signsWith"])
                self.assertEqual(list(snapshot.oldest_first), case["itsdangerous"])
                self.assertEqual(list(snapshot.oldest_first), case["flask"]["SECRET_KEY_FALLBACKS"])
                self.assertEqual(list(snapshot.newest_first), case["django"]["SECRET_KEY_FALLBACKS"])
                self.assertEqual(list(snapshot.newest_first), case["keygrip"])
                self.assertEqual({str(version): key for version, key in snapshot.by_version.items()}, case["byVersion"])


class Lease(unittest.TestCase):
    def test_keys_are_usable_until_the_earlier_end(self):
        body = vectors("order.json")[0]["answer"]
        for case in vectors("lease.json"):
            with self.subTest(case["name"]):
                asked, seconds = case["asked"], case["leaseSeconds"]
                snapshot = parse_answer("web", {**body, "leaseSeconds": seconds}, '"e"', Asked(asked["mono"], asked["wall"]))
                for renewal in case["renewals"]:
                    lease, at = renewal["leaseSeconds"], renewal["asked"]
                    snapshot = snapshot.renewed(60, lease, at["mono"] + lease, at["wall"] + lease)
                self.assertEqual(snapshot.covers(case["now"]["mono"], case["now"]["wall"]), case["usable"])


class Delays(unittest.TestCase):
    def test_refresh_and_retry(self):
        cases = vectors("delays.json")
        for case in cases["refresh"]:
            self.assertAlmostEqual(refresh_delay(case["refreshSeconds"], case["unit"]), case["seconds"], 6)
        for case in cases["first"]:
            self.assertAlmostEqual(first_refresh(case["refreshSeconds"], 604_800, case["unit"]), case["seconds"], 6)
        for case in cases["acknowledge"]:
            self.assertAlmostEqual(acknowledge_delay(case["refreshSeconds"], case["unit"]), case["seconds"], 6)
        for case in cases["retry"]:
            with self.subTest(**case):
                delay = retry_delay(case["failures"], case["refreshSeconds"], case["retryAfterSeconds"] or 0.0, case["unit"])
                self.assertAlmostEqual(delay, case["seconds"], 6)


class Exchanges(unittest.TestCase):
    def test_each_conversation(self):
        for case in vectors("exchanges.json"):
            with self.subTest(case["name"]), Service() as service, tempfile.TemporaryDirectory() as folder:
                self.converse(case["steps"], service, os.path.join(folder, "keys.cache"))

    def converse(self, steps, service, cache):
        hands = Hands()
        began = hands.mono
        client = KeyringClient("web", url=service.url, token=TOKEN, cache_file=cache, background=False, clock=hands.clock())
        for step in steps:
            hands.pass_(began + step["atSeconds"] - hands.mono)
            reply, then = step["reply"], step["then"]
            body = reply["body"] if isinstance(reply["body"], (str, type(None))) else json.dumps(reply["body"])
            service.answer = lambda _, reply=reply, body=body: (reply["status"], reply["headers"], body)
            done = client.refresh()
            self.assertEqual(service.seen[-1].etag, step["expectIfNoneMatch"])
            self.assertEqual(client.last_error.code if client.last_error else None, then["error"])
            self.assertEqual(done, then["error"] is None)
            held = client.peek()
            self.assertEqual(held.current.version if held else None, then["currentVersion"])
            self.assertEqual(held.etag if held else None, then["etag"])
            self.assertEqual(held.monotonic_until - began if held else None, then["leaseUntilSeconds"])
            self.assertEqual(os.path.exists(cache), then["cached"])


class Cache(unittest.TestCase):
    def test_the_bytes_are_those_of_the_vectors(self):
        for case in vectors("cache.json")["sealed"]:
            with self.subTest(case["name"]):
                context = case["token"], case["url"], case["keyring"]
                data = bytes.fromhex(case["fileHex"])
                self.assertEqual(seal(*context, bytes.fromhex(case["saltHex"]), case["plaintext"].encode()), data)
                self.assertEqual(unseal(*context, data).decode(), case["plaintext"])

    def test_whatever_was_changed_does_not_open(self):
        refused = vectors("cache.json")["refused"]
        for case in refused["files"]:
            with self.subTest(case["name"]), self.assertRaises(BadCache):
                unseal(refused["token"], refused["url"], refused["keyring"], bytes.fromhex(case["fileHex"]))

    def test_a_cached_answer_is_used_within_its_own_lease_only(self):
        for case in vectors("cache.json")["use"]:
            with self.subTest(case["name"]):
                try:
                    snapshot = revive("web", from_plaintext(case["plaintext"].encode()), Asked(1000.0, case["nowMillis"] / 1000))
                    self.assertEqual(snapshot.wall_until, 1_700_086_400.0)
                    self.assertAlmostEqual(snapshot.monotonic_until - 1000, 1_700_086_400.0 - case["nowMillis"] / 1000, 3)
                    error = None
                except KeyturnError as failure:
                    error = failure.code
                self.assertEqual(error, case["error"])


if __name__ == "__main__":
    unittest.main()
