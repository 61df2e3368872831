import t from 'tap';
import { GroupJournal } from '../../src/audit/journal.ts';
import { EVERY_BLOCK } from '../../src/audit/ledger.ts';
import { auditLog } from '../../src/audit/log.ts';
import type { ChangeId } from '../../src/core/keyring.ts';
import type { KeyringName } from '../../src/core/name.ts';
import { SECOND } from '../../src/core/time.ts';
import type { PrincipalId } from '../../src/core/version.ts';
import type { AuditQuery } from '../../src/ports/audit.ts';
import type { AuditEvent } from '../../src/ports/journal.ts';
import type { InstanceId, LeaseGrant, SessionId } from '../../src/ports/leases.ts';
import { sqliteLedgerReader } from '../../src/stores/sqlite/audit/reader.ts';
import { openAuditForReading } from '../../src/stores/sqlite/audit/schema.ts';
import { inlineLedger } from '../../src/stores/sqlite/audit/threads.ts';
import { ManualClock } from '../support/clock.ts';
import { faultyLedger } from '../support/faulty-ledger.ts';
import { AT, auditFile, event, newKeys } from './fixture.ts';

const NO_FILTER = { action: null, outcome: null, keyring: null, principal: null, instance: null, since: null, until: null };
const ALL: AuditQuery = { filter: NO_FILTER, visible: () => true, order: 'oldest', after: null, limit: 1_000 };

function open(t: { teardown(action: () => unknown): void }) {
  const [path, keys, clock] = [auditFile(t), newKeys(), new ManualClock(AT)];
  const granted: LeaseGrant[][] = [];
  const ledger = faultyLedger(inlineLedger(path, keys, () => (grants) => void granted.push([...grants])));
  const database = openAuditForReading(path);
  t.teardown(async () => {
    database.close();
    await ledger.close();
  });
  const reports: (string | null)[] = [];
  const journal = new GroupJournal({ writer: ledger, clock, timers: clock, report: (failure) => reports.push(failure?.message ?? null) });
  const reader = sqliteLedgerReader(database);
  const log = auditLog({ reader, writer: ledger, keys, clock });
  const append = (changes: Partial<AuditEvent> = {}, lease: LeaseGrant | null = null): Promise<Error | null> =>
    new Promise((resolve) => journal.append(event(changes), lease, resolve));
  const change = (changedAt: number): Promise<Error | null> =>
    new Promise((resolve) => journal.appendChange(event({ action: 'keyring.rotate', at: changedAt }), changedAt, resolve));
  const records = async () => (await log.page(ALL)).items;
  return { journal, ledger, reader, log, clock, append, change, records, granted, reports };
}

const offered = { changeId: 'c1' as ChangeId, changedAt: AT, current: 1, newest: 2 };

function grant(changes: Partial<LeaseGrant> = {}): LeaseGrant {
  return {
    keyring: 'web' as KeyringName,
    instance: 'web-1' as InstanceId,
    session: 's-1' as SessionId,
    principal: 'token:x' as PrincipalId,
    address: '127.0.0.1',
    grantedAt: AT,
    until: AT + 60 * SECOND,
    offered,
    acknowledged: null,
    ...changes,
  };
}

t.test('requests of one turn share a commit, and nobody is answered before it', async (t) => {
  const { append, ledger } = open(t);
  ledger.hold();
  let answered = 0;
  const waiting = Array.from({ length: 5 }, () => append().then(() => answered++));
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  t.equal(answered, 0, 'the disk has not taken it yet');
  ledger.release();
  await Promise.all(waiting);
  t.same(ledger.sizes, [5]);
});

t.test('what comes while a commit is under way goes with the next one', async (t) => {
  const { append, ledger } = open(t);
  ledger.hold();
  const first = append();
  await new Promise(setImmediate);
  const more = [append(), append(), append()];
  ledger.release();
  await Promise.all([first, ...more]);
  t.same(ledger.sizes, [1, 3]);
});

t.test('on a full disk everybody is refused, and afterwards the chain has no gap', async (t) => {
  const { append, ledger, journal, records, log, reports } = open(t);
  await append({ requestId: 'before' });
  ledger.full = true;
  t.match(await append({ requestId: 'lost' }), { code: 'audit_unavailable', retryAfterSeconds: 1 });
  t.equal(journal.healthy, false);
  ledger.full = false;
  t.equal(await append({ requestId: 'after' }), null);
  t.equal(journal.healthy, true);
  t.match(await records(), [
    { sequence: 1, requestId: 'before' },
    { sequence: 2, requestId: 'after' },
  ]);
  t.match(await log.verify(null), { intact: true });
  t.same(reports, ['The disk is full (test).', null]);
});

t.test('the record of a change that is in force is kept and written first when the log is back', async (t) => {
  const { change, append, ledger, journal, records, reader, clock } = open(t);
  ledger.full = true;
  t.match(await change(AT + 1), { code: 'audit_unavailable' });
  t.match(await change(AT + 2), { code: 'audit_unavailable' });
  t.equal(journal.figures.owed, 2);
  await clock.advance(SECOND);
  t.equal(journal.figures.owed, 2, 'tried again, in vain');
  ledger.full = false;
  const later = append({ requestId: 'later' });
  await later;
  t.match(await records(), [{ at: AT + 1, action: 'keyring.rotate' }, { at: AT + 2 }, { requestId: 'later' }]);
  t.equal(journal.figures.owed, 0);
  t.same(reader.changes(), [{ keyring: 'web', changedAt: AT + 2 }]);
});

t.test('what is owed is written without anybody asking', async (t) => {
  const { change, ledger, records, clock } = open(t);
  ledger.full = true;
  await change(AT + 1);
  ledger.full = false;
  await clock.advance(SECOND);
  await new Promise(setImmediate);
  t.equal((await records()).length, 1);
  t.equal(clock.pending, 0, 'no timer is left');
});

t.test('a probe tells whether the log can be written now', async (t) => {
  const { journal, ledger } = open(t);
  const probe = () => new Promise((resolve) => journal.probe(resolve));
  ledger.full = true;
  t.match(await probe(), { code: 'audit_unavailable' });
  ledger.full = false;
  t.equal(await probe(), null);
  t.equal(journal.healthy, true);
});

t.test('answers that left without a record are told in one record', async (t) => {
  const { journal, ledger, append, records } = open(t);
  ledger.full = true;
  for (const at of [AT + 1, AT + 2, AT + 3]) journal.passOver(event({ at }));
  t.ok(await append());
  t.equal(journal.figures.passedOver, 3);
  ledger.full = false;
  await append({ requestId: 'after' });
  const [gap, after] = await records();
  t.match(gap, { reason: /^3 answers left without a record from 2026-03-01T12:00:00.001Z on/ });
  t.match(after, { requestId: 'after' });
  t.equal((await records()).length, 2, 'once');
});

t.test('a lease is written with its record, and again only when it says something new', async (t) => {
  const { append, granted } = open(t);
  const acknowledged = grant().offered;
  await append({}, grant());
  await append({}, grant({ until: AT + 60 * SECOND + 500 }));
  await append({}, grant({ until: AT + 61 * SECOND }));
  t.match(granted, [[{ until: AT + 60 * SECOND }], [{ until: AT + 62 * SECOND }]], 'exact at first, then enough for the next second');
  await append({}, grant({ acknowledged }));
  await append({}, grant({ until: AT + 70 * SECOND, acknowledged }));
  await append({}, grant({ until: AT + 70 * SECOND }));
  await append({}, grant({ instance: 'web-2' as InstanceId }));
  t.match(
    granted.slice(2),
    [[{ acknowledged }], [{ until: AT + 72 * SECOND }], [{ acknowledged: null }], [{ instance: 'web-2' }]],
    'showing less than before is new too',
  );
});

t.test('a lease whose commit failed is written by the next one', async (t) => {
  const { append, granted, ledger } = open(t);
  ledger.full = true;
  await append({}, grant());
  ledger.full = false;
  await append({}, grant());
  t.equal(granted.length, 1);
});

t.test('an instance that asks again after its lease has ended is told of in the record', async (t) => {
  const { append, records } = open(t);
  await append({}, grant());
  await append({ at: AT + 90 * SECOND }, grant({ grantedAt: AT + 90 * SECOND, until: AT + 150 * SECOND }));
  t.match(await records(), [{ reason: null }, { reason: 'lease ended at 2026-03-01T12:01:00.000Z' }]);
});

t.test('pages follow each other in both orders, with every filter', async (t) => {
  const { append, log, reader } = open(t);
  for (let index = 0; index < 40; index++) {
    await Promise.all(
      [0, 1, 2].map((each) =>
        append({
          at: AT + index * 10 + each,
          action: each === 0 ? 'keyring.read' : 'keys.read',
          outcome: index % 4 === 0 ? 'refused' : 'done',
          keyring: (index % 2 === 0 ? 'web' : 'shop') as KeyringName,
        }),
      ),
    );
  }
  t.equal(reader.blocks({ ...EVERY_BLOCK, order: 'oldest', limit: 99 }).length, 40);
  const everything = (await log.page(ALL)).items;
  const filters: Partial<AuditQuery['filter']>[] = [
    {},
    { action: 'keyring.read' },
    { outcome: 'refused' },
    { keyring: 'shop' as KeyringName, action: 'keys.read' },
    { since: AT + 55, until: AT + 305 },
    { principal: 'token:nobody' as PrincipalId },
  ];
  for (const some of filters) {
    const filter = { ...NO_FILTER, ...some };
    const expected = everything.filter(
      (record) =>
        (filter.action === null || record.action === filter.action) &&
        (filter.outcome === null || record.outcome === filter.outcome) &&
        (filter.keyring === null || record.keyring === filter.keyring) &&
        (filter.principal === null || record.principal?.id === filter.principal) &&
        (filter.since === null || record.at >= filter.since) &&
        (filter.until === null || record.at < filter.until),
    );
    for (const order of ['oldest', 'newest'] as const) {
      const found = [];
      for (let after: number | null = null, more = true; more; more = after !== null) {
        const page: Awaited<ReturnType<typeof log.page>> = await log.page({ ...ALL, filter, order, after, limit: 7 });
        found.push(...page.items);
        after = page.next;
      }
      t.same(found, order === 'oldest' ? expected : expected.toReversed(), `${JSON.stringify(some)} ${order}`);
    }
  }
});

t.test('more changes owed than one batch holds keep nobody waiting', async (t) => {
  const { journal, ledger, append, records, clock } = open(t);
  ledger.full = true;
  let failures = 0;
  for (let at = 1; at <= 5_000; at++) journal.appendChange(event({ action: 'version.publish', at: AT + at }), AT + at, () => failures++);
  t.match(await append(), { code: 'audit_unavailable' });
  await journal.flush();
  t.equal(journal.figures.owed, 5_000);
  t.ok(journal.figures.failures < 10, 'attempts wait for the timer');
  t.ok(failures >= 4_096);
  ledger.full = false;
  clock.advance(SECOND);
  await journal.flush();
  t.same([journal.figures.owed, journal.healthy], [0, true]);
  t.equal((await records()).length, 1_000);
});
