import random
import unittest
from collections import Counter

from keyturn import next_refresh, refresh_delay
from keyturn.timing import longest_wait

INSTANCES = 10_000
REFRESH = 60
SECONDS = 900


class Fleet(unittest.TestCase):
    def test_ten_thousand_instances_that_start_at_one_instant_never_make_a_burst_of_three_times_the_mean(self):
        chance = random.Random(20_261_124)
        per_second = Counter()
        for _ in range(INSTANCES):
            at = refresh_delay(REFRESH, chance.random())
            while at < SECONDS:
                per_second[int(at)] += 1
                at += refresh_delay(REFRESH, chance.random())
        mean = INSTANCES / REFRESH
        self.assertLess(max(per_second.values()), 3 * mean)
        settled = [per_second[second] for second in range(SECONDS - 120, SECONDS)]
        self.assertLess(max(settled), 1.5 * mean)

    def test_without_jitter_the_same_fleet_would_come_as_one(self):
        per_second = Counter(int(refresh_delay(REFRESH, 0.5)) for _ in range(INSTANCES))
        self.assertGreater(max(per_second.values()), 3 * INSTANCES / REFRESH)


class Refresh(unittest.TestCase):
    def test_a_lease_that_shrinks_is_renewed_in_time(self):
        self.assertEqual(next_refresh(60, 86_400, 0.5), 60)
        self.assertEqual(next_refresh(60, 9, 0.5), 3)
        self.assertEqual(next_refresh(60, 1, 0.5), 1)

    def test_a_request_is_held_for_a_third_of_the_lease_at_most(self):
        self.assertEqual(longest_wait(300, 86_400), 300)
        self.assertEqual(longest_wait(30, 60), 20)
        self.assertEqual(longest_wait(30, 2), 0)
