import asyncio
import json
import logging
import os
import pickle
import signal
import socket
import stat
import sys
import tempfile
import threading
import time
import types
import unittest
from pathlib import Path

from keyturn import ConfigError, KeyringClient, KeyturnError, LeaseEnded, NoKeys
from keyturn.ring import Ring
from keyturn.under_uwsgi import threads_run
from support.clocks import Hands
from support.service import TOKEN, Service, key_of, problem

logging.getLogger("keyturn").addHandler(logging.NullHandler())
logging.getLogger("keyturn").propagate = False

TLS = Path(__file__).parents[4] / "test" / "cli" / "tls"


def nobody():
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def reap(child, seconds=20):
    """Waits for a child; one that waits for a lock for ever does not outlive the test."""
    end = time.monotonic() + seconds
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError("The child hangs.")
        time.sleep(0.01)


def eventually(true, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError("It did not come true.")
        time.sleep(0.01)


def unwritable(*_):
    raise PermissionError("read-only")


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.hands = Hands()
        self.service = self.enterContext2(Service(current=2, previous=[1], following=3))
        self.folder = self.enterContext2(tempfile.TemporaryDirectory())
        self.cache = os.path.join(self.folder, "keys.cache")

    def enterContext2(self, manager):  # enterContext is of Python 3.11
        self.addCleanup(manager.__exit__, None, None, None)
        return manager.__enter__()

    def client(self, **options):
        given = {"url": self.service.url, "token": TOKEN, "background": False, "clock": self.hands.clock(), **options}
        made = KeyringClient("web", **given)
        self.addCleanup(made.close)
        return made


class Reading(ClientTest):
    def test_one_request_serves_many_readers_and_versions_have_their_roles(self):
        client = self.client()
        snapshot = client.snapshot()
        self.assertEqual((snapshot.current.version, snapshot.next.version, [key.version for key in snapshot.previous]), (2, 3, [1]))
        self.assertIs(client.snapshot(), snapshot)
        self.assertEqual(len(self.service.seen), 1)

    def test_many_threads_at_the_start_make_one_request(self):
        inner = self.service.respond
        self.service.answer = lambda request: time.sleep(0.2) or inner(request)
        client, got = self.client(), []
        threads = [threading.Thread(target=lambda: got.append(client.snapshot().current.version)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(got, [2] * 20)
        self.assertEqual(len(self.service.seen), 1)

    def test_after_the_refresh_interval_the_service_is_asked_with_the_etag(self):
        client = self.client()
        first = client.snapshot()
        self.hands.pass_(61)
        self.assertEqual(client.snapshot().etag, first.etag)
        self.assertEqual(self.service.seen[1].etag, first.etag)
        self.service.keys(current=3, previous=[2, 1])
        self.hands.pass_(61)
        self.assertEqual(client.snapshot().current.version, 3)
        self.assertEqual(len({request.instance for request in self.service.seen}), 1)

    def test_new_keys_are_shown_to_the_service_soon_but_not_again_and_again(self):
        client = self.client()
        client.start()
        self.service.keys(current=3, previous=[2, 1])
        self.hands.pass_(61)
        second = client.snapshot().etag
        self.service.keys(current=3, previous=[2])
        self.hands.pass_(3.1)
        third = client.snapshot().etag
        self.assertEqual(self.service.seen[2].etag, second)
        self.hands.pass_(3.1)
        client.snapshot()
        self.assertEqual(len(self.service.seen), 3, "an answer to showing is shown at the next refresh")
        self.hands.pass_(60)
        client.snapshot()
        self.assertEqual(self.service.seen[3].etag, third)

    def test_without_keys_readers_make_the_thread_ask_whatever_the_back_off(self):
        self.service.answer = lambda _: problem(503, "store_unavailable")
        client = self.client(background=True, clock=None)
        client.start()
        client._ring.put_due(60)
        self.service.answer = None

        def reads():
            try:
                return client.snapshot().current.version == 2
            except NoKeys:
                return False

        eventually(reads)

    def test_an_event_loop_is_not_blocked_by_asking(self):
        self.assertEqual(asyncio.run(self.client().snapshot_async()).current.version, 2)

    def test_a_snapshot_can_neither_be_changed_nor_pickled_nor_read_in_a_log(self):
        snapshot = self.client().snapshot()
        for value in (snapshot, snapshot.current):
            with self.assertRaises(AttributeError):
                value.version = 9
            with self.assertRaises(TypeError):
                pickle.dumps(value)
            self.assertNotIn(key_of(2), f"{value!r} {value}")


class Lease(ClientTest):
    def test_it_counts_from_before_the_request(self):
        inner = self.service.respond
        self.service.answer = lambda request: self.hands.pass_(30) or inner(request)
        client = self.client()
        client.start()
        self.assertEqual(client.snapshot().monotonic_until, 1100.0)
        self.assertEqual(client.status()["leaseSecondsLeft"], 70)

    def test_keys_outlast_an_outage_until_the_lease_ends_and_come_back(self):
        heard = []
        client = self.client(on_change=heard.append)
        client.start()
        self.service.answer = lambda _: problem(503, "store_unavailable")
        self.hands.pass_(99)
        self.assertEqual(client.snapshot().current.version, 2)
        self.hands.pass_(2)
        with self.assertRaises(LeaseEnded) as caught:
            client.snapshot()
        self.assertEqual(caught.exception.__cause__.code, "unavailable")
        self.assertIsNone(client.peek())
        self.service.answer = None
        self.hands.pass_(61)
        self.assertEqual(client.snapshot().current.version, 2)
        self.assertEqual([snapshot and snapshot.current.version for snapshot in heard], [2, None, 2])

    def test_a_wall_clock_set_forward_ends_it_and_is_said(self):
        client = self.client()
        client.start()
        self.hands.wall += 1000
        with self.assertLogs("keyturn") as logs:
            client.refresh()
        self.assertIn("clock_jump", "\n".join(logs.output))

    def test_the_thread_refreshes_a_short_lease_and_tells_its_end(self):
        self.service.keys(current=1, lease=2, refresh=1)
        heard = []
        client = self.client(background=True, clock=None, on_change=heard.append)
        client.start()
        eventually(lambda: len(self.service.seen) >= 3)
        self.service.answer = lambda _: problem(503, "lease_exhausted")
        eventually(lambda: None in heard)
        with self.assertRaises(LeaseEnded):
            client.snapshot()


class Failing(ClientTest):
    def test_without_service_and_cache_there_is_no_key_at_all(self):
        client = self.client(url=nobody(), cache_file=self.cache)
        client.start()
        with self.assertRaises(NoKeys) as caught:
            client.snapshot()
        self.assertEqual(caught.exception.__cause__.code, "unreachable")

    def test_attempts_back_off(self):
        client = self.client(url=nobody())
        client.start()
        for _ in range(50):
            with self.assertRaises(NoKeys):
                client.snapshot()
        self.assertEqual(client.status()["failures"], 1)
        self.hands.pass_(1.01)
        with self.assertRaises(NoKeys):
            client.snapshot()
        self.assertEqual(client.status()["failures"], 2)

    def test_an_outage_is_one_log_line_without_secrets(self):
        client = self.client()
        client.start()
        self.service.answer = lambda _: (200, {"Content-Type": "text/html"}, key_of(2))
        with self.assertLogs("keyturn") as logs:
            for _ in range(5):
                client.refresh()
        self.assertEqual(len(logs.output), 1)
        self.assertIn("not_keyturn", logs.output[0])
        for secret in (TOKEN, key_of(1), key_of(2), key_of(3)):
            self.assertNotIn(secret, "".join(logs.output))

    def test_a_redirect_is_not_followed_with_the_token(self):
        with Service() as elsewhere:
            self.service.answer = lambda _: (307, {"Location": f"{elsewhere.url}/v1/keyrings/web/keys"}, None)
            client = self.client()
            self.assertFalse(client.refresh())
            self.assertEqual(client.last_error.code, "redirected")
            self.assertEqual(elsewhere.seen, [])

    def test_a_truncated_an_endless_and_a_slow_answer(self):
        json_type = {"Content-Type": "application/json", "ETag": '"e"'}
        cases = [
            ("truncated", 9, lambda _: (200, {**json_type, "Content-Length": "4000"}, "{")),
            ("too_large", 9, lambda _: (200, {**json_type, "Content-Length": "9000000"}, "{")),
            ("too_large", 9, lambda _: (200, json_type, " " * 300_000)),
            ("unreachable", 0.2, lambda _: time.sleep(1) or problem(503, "internal")),
        ]
        for code, seconds, answer in cases:
            with self.subTest(code):
                client = self.client(read_timeout=seconds)
                self.service.answer = answer
                self.assertFalse(client.refresh())
                self.assertEqual(client.last_error.code, code)

    def test_deeply_nested_json_does_not_reach_the_application(self):
        self.service.answer = lambda _: (200, {"Content-Type": "application/json", "ETag": '"e"'}, "[" * 200_000)
        client = self.client()
        self.assertFalse(client.refresh())
        self.assertEqual(client.last_error.code, "bad_answer")

    def test_hooks_that_raise_harm_nobody(self):
        def hook(*_):
            raise RuntimeError(key_of(2))

        with self.assertLogs("keyturn") as logs:
            client = self.client(on_change=hook, metrics=hook)
            self.assertEqual(client.snapshot().current.version, 2)
        self.assertNotIn(key_of(2), "".join(logs.output))

    def test_a_weak_previous_key_verifies_and_is_said_once(self):
        self.service.keys(current=2, previous=[(1, True)], k1="changeme")
        client = self.client()
        with self.assertLogs("keyturn") as logs:
            self.assertEqual(client.snapshot().oldest_first, ("changeme", key_of(2)))
            self.service.keys(current=2, previous=[(1, True)], following=3, k1="changeme")
            client.refresh()
        self.assertEqual(sum("weak" in line for line in logs.output), 1)

    def test_metrics_tell_outcomes_and_versions(self):
        events = []
        client = self.client(metrics=lambda event, fields: events.append((event, fields.get("outcome", fields.get("current")))))
        client.start()
        client.refresh()
        self.service.answer = lambda _: problem(401, "unauthenticated")
        client.refresh()
        self.assertEqual(events, [("keys", 2), ("refresh", "changed"), ("refresh", "unchanged"), ("refresh", "wrong_token")])


class Order(ClientTest):
    def test_an_older_answer_never_replaces_a_newer_one(self):
        ring = Ring(self.hands.clock())
        snapshot = self.client().snapshot()
        slow = ring.take_off(longest=5)
        self.assertIsNone(ring.take_off(longest=5))
        self.hands.pass_(6)
        quick = ring.take_off(longest=5)
        newer = snapshot.renewed(60, 50, 2000.0, 2e9)
        self.assertTrue(ring.accept(quick, newer))
        self.assertFalse(ring.accept(slow, snapshot))
        self.assertIs(ring.held, newer)

    def test_a_replica_that_is_behind_is_not_believed_a_service_that_went_back_is(self):
        client = self.client()
        client.start()
        self.service.keys(current=1)
        self.assertEqual([client.refresh() for _ in range(2)], [False, False])
        self.assertEqual(client.snapshot().current.version, 2)
        self.assertTrue(client.refresh())
        self.assertEqual(client.snapshot().current.version, 1)


class LongPoll(ClientTest):
    def test_a_held_request_brings_a_change_at_once(self):
        changed, inner = threading.Event(), self.service.respond

        def hold(request):
            if "wait=" in request.path and request.etag == self.service.etag:
                changed.wait(3)
            return inner(request)

        self.service.answer = hold
        self.service.keys(current=1, lease=30, refresh=15)
        client = self.client(background=True, clock=None, wait=20)
        client.start()
        eventually(lambda: any("wait=" in request.path for request in self.service.seen))
        self.assertTrue(self.service.seen[-1].path.endswith(("?wait=10", "?wait=9")), "A third of the lease is the most.")
        self.service.keys(current=2, lease=30, refresh=15)
        changed.set()
        eventually(lambda: client.snapshot().current.version == 2, 8)

    def test_a_service_that_does_not_hold_requests_is_not_asked_without_end(self):
        self.service.keys(current=1, lease=300, refresh=100)
        client = self.client(background=True, clock=None, wait=20)
        client.start()
        eventually(lambda: len(self.service.seen) == 2)
        time.sleep(0.3)
        self.assertEqual(len(self.service.seen), 2)
        self.assertGreater(client._ring.due - time.monotonic(), 60)


class Cache(ClientTest):
    def test_a_start_without_the_service_uses_it_until_its_own_lease_ends(self):
        self.client(cache_file=self.cache).start().close()
        self.assertEqual(stat.S_IMODE(os.stat(self.cache).st_mode), 0o600)
        self.assertEqual(os.listdir(self.folder), ["keys.cache"])
        content = Path(self.cache).read_bytes()
        self.assertNotIn(key_of(2).encode(), content)
        self.service.answer = lambda _: problem(503, "store_unavailable")
        self.hands.pass_(90)
        late = self.client(cache_file=self.cache)
        self.assertEqual(late.snapshot().current.version, 2)
        self.assertEqual(late.snapshot().wall_until, 1_700_000_100.0)
        self.hands.pass_(10)
        with self.assertRaises(LeaseEnded):
            late.snapshot()

    def test_a_file_open_to_others_or_a_link_is_not_read(self):
        self.client(cache_file=self.cache).start().close()
        self.service.answer = lambda _: problem(503, "store_unavailable")
        os.chmod(self.cache, 0o640)
        with self.assertRaises(NoKeys):
            self.client(cache_file=self.cache).snapshot()
        os.chmod(self.cache, 0o600)
        link = os.path.join(self.folder, "link")
        os.symlink(self.cache, link)
        with self.assertRaises(NoKeys):
            self.client(cache_file=link).snapshot()
        self.assertEqual(self.client(cache_file=self.cache).snapshot().current.version, 2)

    def test_simulator_8665_it_is_not_read_while_its_writer_runs(self):
        first, second = self.client(cache_file=self.cache).start(), self.client(cache_file=self.cache).start()
        self.service.answer = lambda _: problem(503, "store_unavailable")
        with self.assertLogs("keyturn") as logs, self.assertRaises(NoKeys):
            self.client(cache_file=self.cache).snapshot()
        self.assertIn("bad_cache", "".join(logs.output))
        first.close()
        with self.assertRaises(NoKeys):
            self.client(cache_file=self.cache).snapshot()
        second.close()
        self.assertEqual(self.client(cache_file=self.cache).snapshot().current.version, 2)

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_a_fork_of_its_writer_does_not_keep_it_from_being_read(self):
        client = self.client(cache_file=self.cache).start()
        ready, done = os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            client.snapshot()
            os.write(ready[1], b".")
            os.read(done[0], 1)
            os._exit(0)
        try:
            os.read(ready[0], 1)
            client.close()
            self.service.answer = lambda _: problem(503, "store_unavailable")
            self.assertEqual(self.client(cache_file=self.cache).snapshot().current.version, 2)
        finally:
            os.write(done[1], b".")
            os.waitpid(child, 0)

    def test_a_refusal_at_the_start_removes_it(self):
        self.client(cache_file=self.cache).start().close()
        self.service.answer = lambda _: problem(404, "keyring_not_found")
        with self.assertRaises(NoKeys):
            self.client(cache_file=self.cache).snapshot()
        self.assertFalse(os.path.exists(self.cache))

    def test_without_the_token_it_is_useless(self):
        self.client(cache_file=self.cache).start().close()
        with self.assertRaises(NoKeys):
            self.client(url=nobody(), cache_file=self.cache, token=TOKEN[:-1] + "D").snapshot()

    def test_its_etag_is_not_shown_it_was_given_to_another_process(self):
        self.client(cache_file=self.cache).start().close()
        self.service.answer = lambda _: problem(503, "store_unavailable")
        late = self.client(cache_file=self.cache)
        self.assertEqual(late.snapshot().current.version, 2)
        self.service.answer = None
        for _ in range(2):
            late.refresh()
        self.assertEqual([request.etag for request in self.service.seen], [None, None, None, self.service.etag])

    def test_keys_are_not_shown_before_the_file_has_them(self):
        client = self.client(cache_file=self.cache)
        client.start()
        at_request, inner = [], self.service.respond
        self.service.answer = lambda request: at_request.append((request.etag, Path(self.cache).read_bytes())) or inner(request)
        self.service.keys(current=3, previous=[2])
        client.refresh()
        client.refresh()
        (_, before), (shown, after) = at_request
        self.assertEqual(shown, self.service.etag)
        self.assertNotEqual(before, after)

    def test_keys_that_cannot_be_written_are_shown_only_where_no_older_ones_are_left(self):
        for left, shown in ((True, None), (False, "the etag")):
            with self.subTest(left=left):
                client = self.client(cache_file=self.cache)
                client.start()
                cache = client._refresher._cache
                cache.write = unwritable
                if left:
                    cache.remove = unwritable
                self.service.keys(current=3, previous=[2], lease=100 + left)
                client.refresh()
                client.refresh()
                self.assertEqual(self.service.seen[-1].etag, shown and self.service.etag)
                self.assertEqual(os.path.exists(self.cache), left)

    def test_a_folder_that_is_missing_stops_nothing(self):
        self.assertEqual(self.client(cache_file=os.path.join(self.folder, "none", "cache")).snapshot().current.version, 2)


class Forks(ClientTest):
    def in_child(self, act):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writer, json.dumps(act()).encode())
            finally:
                os._exit(0)
        os.close(writer)
        reap(child)
        with os.fdopen(reader) as pipe:
            return json.loads(pipe.read() or "null")

    def test_a_child_has_the_keys_a_name_and_a_thread_of_its_own(self):
        self.service.keys(current=1, lease=10, refresh=1)
        client = self.client(background=True, clock=None)
        client.start()

        def act():
            version = client.snapshot().current.version
            own = client.instance
            eventually(lambda: client._ring._landed > 1)
            return version, own

        version, own = self.in_child(act)
        self.assertEqual(version, 1)
        self.assertNotEqual(own, client.instance)
        self.assertIn(own, [request.instance for request in self.service.seen])

    def test_a_child_does_not_show_what_its_parent_was_given(self):
        client = self.client()
        client.start()

        def act():
            for _ in range(2):
                client.refresh()
            return client.instance

        child = self.in_child(act)
        client.refresh()
        asked = [(request.instance == child, request.etag) for request in self.service.seen]
        etag = self.service.etag
        self.assertEqual(asked, [(False, None), (True, None), (True, etag), (False, etag)])

    def test_a_child_born_while_its_parent_held_every_lock_goes_on(self):
        client = self.client()
        client.start()
        self.hands.pass_(61)
        client._ring._lock.acquire()
        client._ring._landing.acquire()
        self.service.keys(current=3, previous=[2])
        self.hands.pass_(10)
        self.assertEqual(self.in_child(lambda: client.refresh() and client.snapshot().current.version), 3)

    def test_under_uwsgi_without_enable_threads_readers_refresh(self):
        sys.modules["uwsgi"] = types.SimpleNamespace(opt={"master": b"true"})
        self.addCleanup(sys.modules.pop, "uwsgi")
        self.assertFalse(threads_run())
        before = threading.active_count()
        client = self.client(background=True)
        self.assertEqual(client.snapshot().current.version, 2)
        self.assertFalse(any(thread.name == "keyturn-web" for thread in threading.enumerate()), before)
        sys.modules["uwsgi"].opt = {"enable-threads": b"true"}
        self.assertTrue(threads_run())

    def test_a_reader_takes_over_from_a_thread_that_stands_still(self):
        client = self.client(background=True)
        client.start()
        client.close()
        self.service.keys(current=3, previous=[2])
        self.hands.pass_(35)
        self.assertEqual(client.snapshot().current.version, 2)
        self.hands.pass_(20)
        self.assertEqual(client.snapshot().current.version, 3)


class Settings(ClientTest):
    def setUp(self):
        super().setUp()
        kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("KEYTURN_")}

        def restore():
            for name in [name for name in os.environ if name.startswith("KEYTURN_")]:
                del os.environ[name]
            os.environ.update(kept)

        self.addCleanup(restore)

    def test_address_token_and_keyring_come_from_the_environment(self):
        token = Path(self.folder, "token")
        token.write_text(TOKEN + "\n")
        os.environ.update(KEYTURN_URL=self.service.url + "/", KEYTURN_TOKEN_FILE=str(token), KEYTURN_KEYRING="web")
        self.assertEqual(KeyringClient(background=False).snapshot().current.version, 2)

    def test_a_replaced_token_file_counts_at_once(self):
        token = Path(self.folder, "token")
        token.write_text("keyturn_old")
        client = self.client(token=None, token_file=token)
        self.assertFalse(client.refresh())
        self.assertEqual(client.last_error.code, "wrong_token")
        token.write_text(TOKEN)
        self.assertTrue(client.refresh())

    def test_what_is_missing_or_wrong_is_said_before_anything_is_asked(self):
        for options in ({"token": ""}, {"token": None}, {"token_file": "/nonexistent", "token": None}):
            with self.assertRaises(ConfigError):
                self.client(**options).start()
        for url in ("ftp://x", "http://user:pw@host", "http://host?x=1", "keys.example.com", "http://host:notaport", "http://ho st"):
            with self.assertRaises(ConfigError):
                self.client(url=url)
        for name in ("", "Web", "../x", "a" * 64, "web\n"):
            with self.assertRaises(ConfigError):
                KeyringClient(name, token=TOKEN)
        self.assertEqual(self.service.seen, [])

    def test_a_wrong_certificate_is_a_tls_failure_and_the_right_authority_is_none(self):
        certificate = (str(TLS / "cert.pem"), str(TLS / "key.pem"))
        with Service(certificate=certificate) as secure:
            stranger = self.client(url=secure.url)
            self.assertFalse(stranger.refresh())
            self.assertEqual(stranger.last_error.code, "tls_failure")
            known = self.client(url=secure.url, ca_file_path=TLS / "cert.pem")
            self.assertTrue(known.refresh(), known.last_error)
            self.assertEqual(secure.seen[0].headers["Authorization"], f"Bearer {TOKEN}")
            self.assertEqual(len(secure.seen), 1)
            missing = self.client(url=secure.url, ca_file_path="/nonexistent.pem")
            self.assertFalse(missing.refresh())
            self.assertEqual(missing.last_error.code, "tls_failure")

    def test_every_error_is_one_of_ours(self):
        self.assertTrue(issubclass(NoKeys, KeyturnError) and issubclass(ConfigError, KeyturnError))


if __name__ == "__main__":
    unittest.main()
