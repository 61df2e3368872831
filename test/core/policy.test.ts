import t from 'tap';
import { DEFAULT_POLICY, grace, MAX_VERIFYING_KEYS, POLICY_BOUNDS, type Policy, policyFaults, propagation } from '../../src/core/policy.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/core/time.ts';
import { rotate } from '../../src/core/transitions/rotate.ts';
import { at, context, keyring } from '../support/keyrings.ts';

const NOW = at('2026-01-15T10:00:00Z');
const faults = (changes: Partial<Policy>) => policyFaults({ ...DEFAULT_POLICY, ...changes }, NOW);
const utc = (cron: string) => ({ cron, timeZone: 'UTC' });

t.test('propagation is lease and skew, grace is lease, token lifetime and skew', async (t) => {
  t.equal(propagation(DEFAULT_POLICY), DAY + 30 * SECOND);
  t.equal(grace(DEFAULT_POLICY), 32 * DAY + 30 * SECOND);
  t.equal(propagation({ ...DEFAULT_POLICY, leaseSeconds: 120, skewSeconds: 0 }), 2 * MINUTE);
  t.equal(grace({ ...DEFAULT_POLICY, leaseSeconds: 120, tokenLifetimeSeconds: 60, skewSeconds: 0 }), 3 * MINUTE);
});

t.test('the default policy is sound, with and without its schedule', async (t) => {
  t.same(faults({}), []);
  t.same(faults({ schedule: null }), []);
});

t.test('every number has bounds, both of them allowed, and a fault names them', async (t) => {
  for (const [field, [min, max]] of Object.entries(POLICY_BOUNDS)) {
    const faultsAt = (value: number) =>
      faults({ schedule: null, refreshSeconds: 1, [field]: value }).filter(({ path }) => path === `/policy/${field}`);
    const message = `must be a whole number from ${min} to ${max}`;
    for (const value of [min, max]) t.notMatch(faultsAt(value), [{ message }], `${field} ${value}`);
    for (const value of [min - 1, max + 1, min + 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      t.match(faultsAt(value), [{ message }], `${field} ${value}`);
  }
});

t.test('an instance that asks less than twice a lease would run dry', async (t) => {
  t.same(faults({ schedule: null, refreshSeconds: 60, leaseSeconds: 120 }), []);
  t.same(faults({ schedule: null, refreshSeconds: 60, leaseSeconds: 119 }), [
    {
      path: '/policy/refreshSeconds',
      message: '2 × refresh ≤ lease does not hold: 2 × 60 s > 119 s. Refresh more often or grant a longer lease.',
    },
  ]);
});

t.test('a schedule faster than it can propagate is refused with the numbers', async (t) => {
  const hourly = { schedule: utc('0 * * * *'), tokenLifetimeSeconds: 3_600, skewSeconds: 30 };
  t.same(faults({ ...hourly, leaseSeconds: 3_569 }), []);
  t.same(faults({ ...hourly, leaseSeconds: 3_570 }), [
    {
      path: '/policy/schedule/cron',
      message:
        'time between slots > lease + skew does not hold: the shortest is 3600 s, and 3570 s + 30 s pass before a new key may sign. Rotate less often or grant shorter leases.',
    },
  ]);
});

t.test('a daily schedule has one day of 23 hours, where its zone saves daylight', async (t) => {
  const daily = (timeZone: string) => ({ schedule: { cron: '0 4 * * *', timeZone }, leaseSeconds: 23 * 3_600 });
  t.same(faults(daily('UTC')), []);
  t.match(faults(daily('Europe/Berlin')), [{ message: /the shortest is 82800 s/ }]);
});

t.test('more keys that verify at one time than an answer holds are refused with the numbers', async (t) => {
  const hourly = { schedule: utc('0 * * * *'), leaseSeconds: 1_800, skewSeconds: 0 };
  t.same(faults({ ...hourly, tokenLifetimeSeconds: 62 * 3_600 - 1_800 }), []);
  t.same(faults({ ...hourly, tokenLifetimeSeconds: 62 * 3_600 - 1_799 }), [
    {
      path: '/policy/schedule/cron',
      message:
        'keys that verify at one time ≤ 64 does not hold: a slot every 3600 s and a grace of 2.6 days make 65. Rotate less often or shorten the token lifetime.',
    },
  ]);
});

t.test('the fastest schedule that is allowed never runs out of room', async (t) => {
  const policy = {
    ...DEFAULT_POLICY,
    schedule: utc('0 * * * *'),
    leaseSeconds: 1_800,
    skewSeconds: 0,
    tokenLifetimeSeconds: 62 * 3_600 - 1_800,
  };
  let shop = keyring('shop', at('2026-01-15T10:00:00Z'), policy);
  for (let slots = 0; slots < 3 * MAX_VERIFYING_KEYS; slots++) {
    const slot = shop.nextRotationAt ?? 0;
    shop = rotate(shop, 'scheduled', context(slot), slot).keyring;
    t.equal(shop.nextRotationAt, slot + HOUR);
  }
});

t.test('a broken schedule is named beside the other faults, and not judged further', async (t) => {
  const found = faults({ schedule: utc('0 0 31 2 *'), keyBytes: 16, refreshSeconds: 86_400 });
  t.same(
    found.map(({ path }) => path),
    ['/policy/keyBytes', '/policy/refreshSeconds', '/policy/schedule/cron'],
  );
});
