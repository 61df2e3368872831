import t from 'tap';
import { HOUR, MINUTE, SECOND } from '../../../src/core/time.ts';
import type { LeaseGrant } from '../../../src/ports/leases.ts';
import { LEASES_SCHEMA, leasesIn } from '../../../src/stores/sqlite/leases.ts';
import { GRANTED, grant, holding, LEASE } from '../../support/leases.ts';
import { openTestSqlite, temporaryFolder } from '../../support/sqlite.ts';
import { named } from '../keyrings.ts';

type Tap = Parameters<typeof openTestSqlite>[0];
const WEB = named('web');
const [D1, D2, D3] = [holding(1), holding(2), holding(3)];

function open(t: Tap, dataDir = temporaryFolder(t)) {
  const { database, close } = openTestSqlite(t, { dataDir });
  database.exec(LEASES_SCHEMA);
  return { leases: leasesIn(database), database, close, dataDir };
}

/** What the registry says of the one holder after these grants. */
async function after(t: Tap, ...grants: readonly LeaseGrant[]) {
  const { leases } = open(t);
  leases.record(grants);
  const [lease] = await leases.live(WEB, GRANTED);
  if (lease === undefined) throw new Error('no lease is alive');
  return lease;
}

t.test('a holder is what its grants sum up to, also after a restart', async (t) => {
  const before = open(t);
  before.database.transaction(() =>
    before.leases.record([grant(D1, false), grant(D1, true, { at: GRANTED + MINUTE, address: '10.0.0.9' })]),
  );
  before.close();
  const { leases } = open(t, before.dataDir);
  t.same(await leases.live(WEB, GRANTED), [
    {
      keyring: 'web',
      instance: 'web-1',
      principal: 'token:a',
      address: '10.0.0.9',
      firstSeen: GRANTED,
      lastSeen: GRANTED + MINUTE,
      until: GRANTED + MINUTE + LEASE,
      offered: D1,
      behindUntil: 0,
      acknowledged: D1,
      acknowledgedAt: GRANTED + MINUTE,
    },
  ]);
});

t.test('a shorter lease never takes a longer one back, nor does an earlier moment', async (t) => {
  const lease = await after(t, grant(D1, false, { at: GRANTED + MINUTE }), grant(D1, true, { at: GRANTED, lease: SECOND }));
  t.same([lease.firstSeen, lease.lastSeen, lease.until], [GRANTED + MINUTE, GRANTED + MINUTE, GRANTED + MINUTE + LEASE]);
});

t.test('who was offered another document is behind until the end of its leases before, or until it shows that it has it', async (t) => {
  const [first, moved] = [grant(D1, true), grant(D2, false, { at: GRANTED + MINUTE })];
  const waiting = await after(t, first, moved);
  t.same([waiting.behindUntil, waiting.acknowledged], [first.until, D1]);
  const again = await after(t, first, moved, grant(D2, false, { at: GRANTED + 2 * MINUTE }));
  t.equal(again.behindUntil, first.until, 'a lost answer moves nothing');
  const holds = await after(t, first, moved, grant(D2, true, { at: GRANTED + 2 * MINUTE }), grant(D2, true, { at: GRANTED + 3 * MINUTE }));
  t.same([holds.behindUntil, holds.acknowledged, holds.acknowledgedAt], [0, D2, GRANTED + 2 * MINUTE]);
});

t.test('a new process under an old name answers only for itself', async (t) => {
  const old = grant(D1, true);
  const lease = await after(
    t,
    old,
    grant(D2, false, { at: GRANTED + MINUTE, session: 'p2' }),
    grant(D2, true, { at: GRANTED + 2 * MINUTE, session: 'p2' }),
  );
  t.same([lease.behindUntil, lease.acknowledged], [old.until, D2]);
});

t.test('a new process says nothing of what the one before it has shown', async (t) => {
  const lease = await after(t, grant(D1, true), grant(D1, false, { at: GRANTED + MINUTE, session: 'p2' }));
  t.same([lease.behindUntil, lease.acknowledged, lease.acknowledgedAt], [0, null, null]);
  const both = await after(t, grant(D1, true), grant(D1, true, { at: GRANTED + MINUTE, session: 'p2' }));
  t.equal(both.acknowledgedAt, GRANTED + MINUTE);
});

t.test('two processes that share a name never speak for each other while both live', async (t) => {
  const at = (minutes: number, session: string) => ({ at: GRANTED + minutes * MINUTE, session });
  const shared = [
    grant(D1, false, at(0, 'p1')),
    grant(D1, false, at(1, 'p2')),
    grant(D1, true, at(2, 'p1')),
    grant(D1, true, at(3, 'p2')),
    grant(D2, false, at(4, 'p1')),
    grant(D2, true, at(5, 'p1')),
    grant(D2, true, at(6, 'p1')),
  ];
  const lease = await after(t, ...shared);
  t.equal(lease.behindUntil, GRANTED + 3 * MINUTE + LEASE, 'the lease of p2');
});

t.test('a process that shows less than before has a twin: its word does not count until all leases so far have ended', async (t) => {
  const steps = [
    grant(D1, true),
    grant(D2, false, { at: GRANTED + 1 }),
    grant(D2, true, { at: GRANTED + 2 }),
    grant(D2, false, { at: GRANTED + 3 }),
  ];
  const twin = await after(t, ...steps);
  t.same([twin.behindUntil, twin.acknowledged], [GRANTED + 2 + LEASE, null]);
  const reassured = await after(t, ...steps, grant(D2, true, { at: GRANTED + 4 }));
  t.same([reassured.behindUntil, reassured.acknowledged], [GRANTED + 2 + LEASE, D2]);
});

t.test('a replica that is behind and answers with an older document takes the word back', async (t) => {
  const lease = await after(t, grant(D1, true), grant(D2, false), grant(D2, true), grant(D1, false, { at: GRANTED + 5 }));
  t.same([lease.offered, lease.acknowledged, lease.behindUntil], [D1, null, GRANTED + LEASE]);
});

t.test('callers without a name share an entry for each principal, and acknowledge nothing', async (t) => {
  const { leases } = open(t);
  leases.record([
    grant(D1, true, { instance: null }),
    grant(D1, false, { instance: null, at: GRANTED + MINUTE }),
    grant(D1, true, { instance: null, principal: 'token:b' }),
  ]);
  const found = await leases.live(WEB, GRANTED);
  t.same(
    found.map(({ instance, principal, acknowledged, lastSeen }) => [instance, principal, acknowledged, lastSeen]),
    [
      [null, 'token:a', null, GRANTED + MINUTE],
      [null, 'token:b', null, GRANTED],
    ],
  );
});

t.test('a lease is live until it ends, and only of its own keyring', async (t) => {
  const { leases } = open(t);
  leases.record([grant(D1, false), grant(D1, false, { keyring: 'web2' })]);
  t.equal((await leases.live(WEB, GRANTED + LEASE - 1)).length, 1);
  t.equal((await leases.live(WEB, GRANTED + LEASE)).length, 0);
});

t.test('pages hold every holder once, ended ones too, in the order of instance and principal', async (t) => {
  const { leases } = open(t);
  const names = ['b', 'a', null];
  leases.record([
    ...names.map((instance) => grant(D1, false, { instance, lease: 0 })),
    grant(D1, false, { instance: 'a', principal: 'token:b c' }),
    grant(D3, false, { instance: 'a', keyring: 'other' }),
  ]);
  for (const limit of [1, 2, 3, 5, 9]) {
    const found: string[] = [];
    for (let after: string | null = null; ; ) {
      const page: Awaited<ReturnType<typeof leases.page>> = await leases.page(WEB, after, limit);
      t.ok(page.items.length <= limit);
      found.push(...page.items.map(({ instance, principal }) => `${instance} ${principal}`));
      after = page.next;
      if (after === null) break;
    }
    t.same(found, ['null token:a', 'a token:a', 'a token:b c', 'b token:a']);
  }
});

t.test('only entries that ended before the instant are removed', async (t) => {
  const { leases } = open(t);
  leases.record([grant(D1, false, { lease: HOUR }), grant(D1, false, { instance: 'web-2', lease: 2 * HOUR })]);
  t.equal(leases.removeEnded(GRANTED + HOUR), 0);
  t.equal(leases.removeEnded(GRANTED + HOUR + 1), 1);
  t.same(
    (await leases.page(WEB, null, 9)).items.map(({ instance }) => instance),
    ['web-2'],
  );
});

t.test('a registry that was never opened is complete never; a new one is from its opening on', async (t) => {
  const { leases } = open(t);
  t.equal(leases.completeSince(), 8_640_000_000_000_000);
  leases.open(GRANTED, true);
  t.equal(leases.completeSince(), GRANTED);
});

t.test('a restart keeps the registry complete; a long absence, a bypass and a restore do not', async (t) => {
  const { leases } = open(t);
  leases.open(GRANTED, true);
  leases.beat(GRANTED + HOUR);
  leases.beat(GRANTED);
  leases.open(GRANTED + HOUR + 10 * MINUTE, true);
  t.equal(leases.completeSince(), GRANTED, 'away for ten minutes');
  leases.open(GRANTED + HOUR + 20 * MINUTE + 1, true);
  t.equal(leases.completeSince(), GRANTED + HOUR + 20 * MINUTE + 1, 'away for longer: it may be a copy of the past');
  leases.markIncomplete(GRANTED + 5 * HOUR);
  leases.markIncomplete(GRANTED + 4 * HOUR);
  t.equal(leases.completeSince(), GRANTED + 5 * HOUR + 1);
});

t.test('where answers may leave without a record, only an orderly end keeps the registry complete', async (t) => {
  const { leases } = open(t);
  leases.open(GRANTED, false);
  leases.open(GRANTED + SECOND, false);
  t.equal(leases.completeSince(), GRANTED + SECOND, 'the process before ended without a word');
  leases.close(GRANTED + 2 * SECOND);
  leases.open(GRANTED + 3 * SECOND, true);
  t.equal(leases.completeSince(), GRANTED + SECOND);
});
