import t from 'tap';
import { acknowledgeDelay, firstRefreshDelay, pollDelay, pollSeconds, refreshDelay, retryDelay } from '../../../clients/node/src/timing.ts';

/** A seeded generator (mulberry32): the simulation is the same every time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const INSTANCES = 10_000;
const REFRESH_SECONDS = 60;
const MEAN = INSTANCES / REFRESH_SECONDS;

interface Outage {
  readonly from: number;
  readonly to: number;
}

interface Fleet {
  readonly startOf: (random: () => number) => number;
  readonly outage: Outage | null;
  readonly seconds: number;
  /** Seconds at which the keys change. Each instance is told once, and shows them. */
  readonly changes?: readonly number[];
}

/**
 * Requests in each second, by the client's own timing. The first request of each instance is left out: it is its start, and whoever starts
 * 10,000 instances in one second asks for 10,000 answers in it.
 */
function simulate({ startOf, outage, seconds, changes = [] }: Fleet): number[] {
  const random = seeded(20_261_124);
  const requests = new Array<number>(seconds).fill(0);
  for (let instance = 0; instance < INSTANCES; instance++) {
    let failures = 0;
    let seen = 0;
    let at = startOf(random) + firstRefreshDelay(REFRESH_SECONDS, random) / 1_000;
    while (at < seconds) {
      requests[Math.floor(at)] = (requests[Math.floor(at)] ?? 0) + 1;
      const failed = outage !== null && at >= outage.from && at < outage.to;
      failures = failed ? failures + 1 : 0;
      const asked = at;
      const there = failed ? seen : changes.filter((change) => change <= asked).length;
      const delay = failed
        ? retryDelay({ failures, refreshSeconds: REFRESH_SECONDS, retryAfterSeconds: null }, random)
        : (there > seen ? acknowledgeDelay : refreshDelay)(REFRESH_SECONDS, random);
      seen = there;
      at += delay / 1_000;
    }
  }
  return requests;
}

const burst = (requests: readonly number[]) => Math.max(...requests) / MEAN;
const at = (text: number) => text.toFixed(2);

t.test('10,000 instances that started over a minute never ask more than 3 × the mean in a second', async (t) => {
  const steady = burst(simulate({ startOf: (random) => 60 * random(), outage: null, seconds: 1_200 }));
  t.comment(`${at(steady)} × the mean`);
  t.ok(steady < 3);
});

t.test('nor do they after they all started at once', async (t) => {
  const together = burst(simulate({ startOf: () => 0, outage: null, seconds: 1_200 }));
  t.comment(`${at(together)} × the mean`);
  t.ok(together < 3);
});

for (const length of [1, 5, 20, 45, 60, 90, 300, 900]) {
  t.test(`nor during and after an outage of ${length} s`, async (t) => {
    for (const startOf of [() => 0, (random: () => number) => 60 * random()]) {
      for (const changes of [[], [299 + length]]) {
        const requests = simulate({ startOf, outage: { from: 300, to: 300 + length }, seconds: 600 + length, changes });
        t.comment(`${at(burst(requests))} × the mean${changes.length > 0 ? ', with new keys' : ''}`);
        t.ok(burst(requests) < 3);
      }
    }
  });
}

t.test('nor when all of them are told new keys and show them', async (t) => {
  for (const startOf of [() => 0, (random: () => number) => 60 * random()]) {
    const requests = simulate({ startOf, outage: null, seconds: 600, changes: [30, 300] });
    t.comment(`${at(burst(requests))} × the mean`);
    t.ok(burst(requests) < 3);
  }
});

t.test('the simulation sees a fleet that retries too fast', async (t) => {
  const random = seeded(1);
  let requests = 0;
  for (let instance = 0; instance < INSTANCES; instance++) {
    for (let [second, failures] = [60 * random(), 1]; second < 60; failures++) {
      second += Math.min(60, 2 ** (failures - 1)) * (0.5 + 0.5 * random());
      if (second >= 50 && second < 60) requests++;
    }
  }
  t.ok(
    requests / 10 / MEAN > 3,
    `doubling from 1 s alone makes ${at(requests / 10 / MEAN)} × the mean in the last ten seconds of a minute's outage`,
  );
});

t.test('retries: one after a second, then at the pace of refreshes, doubling to a minute', async (t) => {
  const half = () => 0.5;
  const seconds = (failures: number, refreshSeconds: number | null, retryAfterSeconds: number | null = null) =>
    retryDelay({ failures, refreshSeconds, retryAfterSeconds }, half) / 1_000;
  t.same(
    [1, 2, 3, 4, 7, 1_000].map((failures) => Math.round(seconds(failures, null))),
    [1, 2, 4, 8, 60, 60],
    'no keys yet',
  );
  t.same(
    [1, 2, 3, 4, 5, 6].map((failures) => Math.round(seconds(failures, 10))),
    [1, 10, 10, 10, 16, 32],
  );
  t.same(
    [1, 2, 3].map((failures) => Math.round(seconds(failures, 3_600))),
    [1, 60, 60],
    'never more than a minute',
  );
  t.equal(seconds(1, 60, 5), 5.5, 'the service asked for more');
  t.equal(seconds(1, 60, 86_400), 66, 'but not for days');
  for (const unit of [0, 0.999]) {
    const delay = retryDelay({ failures: 1, refreshSeconds: 60, retryAfterSeconds: null }, () => unit);
    t.ok(delay >= 800 && delay < 1_200, 'within ± 20 %');
  }
});

t.test('a held request lasts at most a third of the lease, and comes again at once only where it was held', async (t) => {
  t.equal(
    pollSeconds(60, 86_400, () => 0),
    60,
  );
  t.equal(
    pollSeconds(60, 86_400, () => 0.999),
    48,
  );
  t.equal(
    pollSeconds(300, 90, () => 0),
    30,
  );
  t.equal(
    pollSeconds(300, 2, () => 0),
    0,
    'too short a lease to wait',
  );
  t.equal(
    pollSeconds(0, 86_400, () => 0),
    0,
  );
  const polled = { changed: false, askedSeconds: 60, heldFor: 60_000, refreshSeconds: 60 };
  t.equal(
    pollDelay(polled, () => 0.5),
    500,
  );
  t.equal(
    pollDelay({ ...polled, changed: true, heldFor: 10 }, () => 0.5),
    500,
  );
  t.equal(
    pollDelay({ ...polled, heldFor: 10 }, () => 0.5),
    60_000,
    'the service does not hold requests',
  );
});
