import random
import unittest
from collections import Counter

from keyturn import next_refresh, retry_delay
from keyturn.timing import acknowledge_delay, first_refresh, longest_wait

INSTANCES = 10_000
REFRESH = 60
LEASE = 86_400
MEAN = INSTANCES / REFRESH


def simulate(start_of, seconds, outage=(0, 0), changes=()):
    """
    Requests in each second, by the client's own timing. The first request of each instance is left out: it is its start, and
    whoever starts 10,000 instances in one second asks for 10,000 answers in it. After each change of the keys an instance is told new
    keys once, and shows them.
    """
    unit = random.Random(20_261_124).random
    per_second = Counter()
    for _ in range(INSTANCES):
        failures, seen = 0, 0
        at = start_of(unit)
        at += first_refresh(REFRESH, LEASE, unit())
        while at < seconds:
            per_second[int(at)] += 1
            if outage[0] <= at < outage[1]:
                failures += 1
                at += retry_delay(failures, REFRESH, 0.0, unit())
                continue
            failures, before, seen = 0, seen, sum(change <= at for change in changes)
            at += next_refresh(REFRESH, LEASE, unit()) if seen == before else acknowledge_delay(REFRESH, unit())
    return max(per_second.values()) / MEAN


STARTS = {"at one instant": lambda unit: 0.0, "over a minute": lambda unit: 60 * unit()}


class Fleet(unittest.TestCase):
    """Ten thousand instances never ask more than three times as often in one second as they do on average."""

    def test_whenever_they_started(self):
        for name, start_of in STARTS.items():
            with self.subTest(name):
                self.assertLess(simulate(start_of, 900), 3)

    def test_nor_during_and_after_an_outage_be_there_new_keys_or_not(self):
        for length in (1, 5, 20, 45, 60, 90, 300, 900):
            for changes in ((), (299 + length,)):
                with self.subTest(seconds=length, changes=changes):
                    self.assertLess(simulate(STARTS["at one instant"], 360 + length, (300, 300 + length), changes), 3)

    def test_nor_when_all_of_them_are_told_new_keys_and_show_them(self):
        for name, start_of in STARTS.items():
            with self.subTest(name):
                self.assertLess(simulate(start_of, 400, changes=(30, 300)), 3)

    def test_the_simulation_sees_a_fleet_that_retries_too_fast(self):
        unit = random.Random(1).random
        requests = 0
        for _ in range(INSTANCES):
            second, failures = 60 * unit(), 1
            while second < 60:
                second += min(60, 2 ** (failures - 1)) * (0.5 + 0.5 * unit())
                failures += 1
                requests += 50 <= second < 60
        self.assertGreater(requests / 10 / MEAN, 3)


class Refresh(unittest.TestCase):
    def test_a_lease_that_shrinks_is_renewed_in_time(self):
        self.assertEqual(next_refresh(60, 86_400, 0.5), 60)
        self.assertEqual(next_refresh(60, 9, 0.5), 3)
        self.assertEqual(next_refresh(60, 1, 0.5), 1)

    def test_a_request_is_held_for_a_third_of_the_lease_at_most(self):
        self.assertEqual(longest_wait(300, 86_400), 300)
        self.assertEqual(longest_wait(30, 60), 20)
        self.assertEqual(longest_wait(30, 2), 0)
