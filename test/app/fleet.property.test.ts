import t from 'tap';
import type { Fleet } from '../../src/core/fleet.ts';
import type { Lease, SessionId } from '../../src/ports/leases.ts';
import { LEASES_SCHEMA } from '../../src/stores/sqlite/leases.ts';
import fc from '../support/fast-check.ts';
import { openTestSqlite } from '../support/sqlite.ts';
import { type Breakage, FleetModel, SKEW, type Step } from './fleet-model.ts';

const which = fc.nat({ max: 4 });
const rarely = (weight: number) => fc.integer({ min: 1, max: 100 }).map((drawn) => drawn <= weight);
const age = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 90_000 }) });
const time = fc.oneof(
  { weight: 5, arbitrary: fc.nat({ max: 20_000 }) },
  { weight: 1, arbitrary: fc.nat({ max: 120_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(1, 99_999, 100_000, 100_001, 104_999, 105_000) },
);
const plain = <Do extends Step['do']>(...steps: readonly Do[]) => fc.constantFrom(...steps.map((step) => ({ do: step })));

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('ask' as const), which, lost: rarely(15), age, unrecorded: rarely(3) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('wait' as const), time }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('start' as const),
      name: fc.nat({ max: 8 }).map((n) => (n < 4 ? 0 : n < 8 ? 1 : 2)),
      overrun: fc.nat({ max: SKEW - 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('amend' as const), leaseSeconds: fc.constantFrom(50, 100, 200) }) },
  { weight: 5, arbitrary: plain('rotate') },
  { weight: 12, arbitrary: plain('look') },
  { weight: 1, arbitrary: plain('cut next', 'cut current', 'promote', 'restart', 'back up', 'restore') },
) as fc.Arbitrary<Step>;
const life = fc.array(step, { minLength: 4, maxLength: 60, size: 'max' });

const { database } = openTestSqlite(t);
database.exec(LEASES_SCHEMA);
// What these lives write is nobody's: it never has to reach the disk.
database.exec('PRAGMA synchronous = OFF; BEGIN');
let advanced = 0;

/** Lives a life; what is broken in it, or null. */
async function live(steps: readonly Step[], breakage: Breakage = {}, kind: 'created' | 'imported' = 'created'): Promise<string | null> {
  const model = new FleetModel(database, breakage, kind);
  let broken: string | null = null;
  for (const step of steps) {
    await model.take(step);
    broken ??= model.broken;
  }
  advanced += model.advanced;
  return broken;
}

const holds = (breakage: Breakage, runs: number) =>
  fc.check(
    fc.asyncProperty(life, fc.constantFrom('created', 'imported'), async (steps, kind) => (await live(steps, breakage, kind)) === null),
    { numRuns: runs, seed: 20_261_124, endOnFailure: true },
  );

t.test('no instance ever meets a signature by a version that it does not hold, and activations are brought forward', async (t) => {
  const found = await holds({}, 1_500);
  t.notOk(found.failed, found.failed ? (fc.defaultReportMessage(found) ?? '') : '');
  t.ok(advanced > 300, `brought forward ${advanced} times`);
});

const leases = (change: (lease: Lease) => Lease): Breakage => ({ fleet: (fleet) => ({ ...fleet, leases: fleet.leases.map(change) }) });
const BREAKAGES: Readonly<Record<string, Breakage>> = {
  'a registry that is not complete is trusted': { fleet: (fleet: Fleet<Lease>) => ({ ...fleet, completeSince: 0 }) },
  'callers without a name are left out': {
    fleet: (fleet) => ({ ...fleet, leases: fleet.leases.filter(({ instance }) => instance !== null) }),
  },
  'an offer counts as an acknowledgement': leases((lease) => ({ ...lease, behindUntil: 0 })),
  'the last word of a holder counts for all its leases': leases((lease) =>
    lease.acknowledged === null ? lease : { ...lease, behindUntil: 0 },
  ),
  'processes under one name are taken for one': { grant: (grant) => ({ ...grant, session: grant.session && ('one' as SessionId) }) },
  'an acknowledgement of any document counts': leases((lease) =>
    lease.acknowledged === null ? lease : { ...lease, until: 0, behindUntil: 0 },
  ),
  'a lease is over at its end on every clock': leases((lease) => ({
    ...lease,
    until: lease.until - SKEW,
    behindUntil: lease.behindUntil - SKEW,
  })),
};
for (const [name, breakage] of Object.entries(BREAKAGES)) {
  t.test(`it is noticed when ${name}`, async (t) => {
    t.ok((await holds(breakage, 4_000)).failed);
  });
}

t.test('a lost lease under an earlier, longer policy holds the activation back until it has ended', async (t) => {
  const ask = (which: number) => ({ do: 'ask', which, lost: false, age: 0, unrecorded: false }) as const;
  const start = (name: number) => ({ do: 'start', name, overrun: 0 }) as const;
  const steps: readonly Step[] = [
    { do: 'amend', leaseSeconds: 200 },
    start(0),
    ask(0),
    { do: 'amend', leaseSeconds: 50 },
    { do: 'restore' },
    start(1),
    ask(1),
    { do: 'wait', time: 100_000 },
    { do: 'rotate' },
    ask(1),
    ask(1),
    { do: 'look' },
  ];
  t.equal(await live(steps), null);
  t.not(await live(steps, { keyring: (keyring) => ({ ...keyring, carryover: null }) }), null, 'and it is noticed when it does not');
});
