import t, { type Test } from 'tap';
import type { BlockSearch, LedgerReader } from '../../src/audit/ledger.ts';
import { auditLog } from '../../src/audit/log.ts';
import { actionBit, encodeEvent, outcomeBit } from '../../src/audit/record.ts';
import { LOOKED_AT } from '../../src/audit/walk.ts';
import type { AuditLog, AuditOrder, AuditQuery } from '../../src/ports/audit.ts';
import { sqliteLedgerReader } from '../../src/stores/sqlite/audit/reader.ts';
import { openAuditDatabase } from '../../src/stores/sqlite/audit/schema.ts';
import { inlineLedger } from '../../src/stores/sqlite/audit/threads.ts';
import { ManualClock } from '../support/clock.ts';
import { AT, auditFile, commit, event, newKeys } from './fixture.ts';

const NOTHING_LEFT_OUT = { action: null, outcome: null, keyring: null, principal: null, instance: null, since: null, until: null };
const REFUSED: AuditQuery['filter'] = { ...NOTHING_LEFT_OUT, outcome: 'refused' };

function open(t: Test) {
  const [path, keys] = [auditFile(t), newKeys()];
  const writer = inlineLedger(path, keys, () => () => undefined);
  const database = openAuditDatabase(path);
  t.teardown(async () => {
    database.close();
    await writer.close();
  });
  const searches: BlockSearch[] = [];
  const inner = sqliteLedgerReader(database);
  const reader: LedgerReader = {
    ...inner,
    blocks: (search) => {
      searches.push(search);
      return inner.blocks(search);
    },
  };
  return { writer, database, searches, log: auditLog({ reader, writer, keys, clock: new ManualClock(AT) }) };
}

/** Every record that a search finds, and how many pages that took. */
async function all(log: AuditLog, filter: AuditQuery['filter'], order: AuditOrder, limit: number) {
  const found: number[] = [];
  let pages = 0;
  for (let after: number | null = null, more = true; more; more = after !== null) {
    const page: Awaited<ReturnType<AuditLog['page']>> = await log.page({ filter, visible: () => true, order, after, limit });
    found.push(...page.items.map(({ sequence }) => sequence));
    after = page.next;
    pages++;
  }
  return { found, pages };
}

/** Blocks of one record each which no search of a bit finds: as good as read, and made at once. */
function fill(database: ReturnType<typeof openAuditDatabase>, from: number, count: number): void {
  database.exec(`
    WITH RECURSIVE n (first) AS (VALUES (${from}) UNION ALL SELECT first + 1 FROM n WHERE first < ${from + count - 1})
    INSERT INTO blocks SELECT first, 1, ${AT}, ${AT}, ${actionBit('keys.read')}, ${outcomeBit('done')}, x'00', x'00', zeroblob(150) FROM n`);
}

t.test('a search meets every record once, also in blocks that lie across its windows', async (t) => {
  const { writer, searches, log } = open(t);
  const refused = [1, 4_000, 9_999, 10_000, 10_001, 10_002, 19_999, 20_000, 20_001, 23_999, 24_000];
  for (let first = 1; first <= 24_000; first += 3_000) {
    const texts = Array.from({ length: 3_000 }, (_, index) =>
      encodeEvent(event({ at: AT + first + index, outcome: refused.includes(first + index) ? 'refused' : 'done' })),
    );
    await commit(writer, texts);
  }
  for (const limit of [1, 3, 100]) {
    t.same((await all(log, REFUSED, 'oldest', limit)).found, refused, `oldest first, ${limit} a page`);
    t.same((await all(log, REFUSED, 'newest', limit)).found, refused.toReversed(), `newest first, ${limit} a page`);
    const from = { ...REFUSED, since: AT + 10_001, until: AT + 20_001 };
    t.same((await all(log, from, 'newest', limit)).found, [20_000, 19_999, 10_002, 10_001], `of a time, ${limit} a page`);
  }
  t.ok(searches.every(({ from, to, limit }) => limit === 1 || to - from < LOOKED_AT));
});

t.test('a search that finds little among many blocks looks at a bounded run of them at once, and others get their turn', async (t) => {
  const { writer, database, searches, log } = open(t);
  await commit(writer, [encodeEvent(event({ outcome: 'refused' }))]);
  fill(database, 2, 120_000);
  for (const order of ['oldest', 'newest'] as const) {
    searches.length = 0;
    let turns = 0;
    let over = false;
    const turn = (): void => {
      turns++;
      if (!over) setImmediate(turn);
    };
    setImmediate(turn);
    t.same((await all(log, REFUSED, order, 10)).found, [1]);
    over = true;
    t.ok(turns >= 120_000 / LOOKED_AT, `${turns} turns, ${order} first`);
    t.ok(searches.every(({ from, to, limit }) => limit === 1 || to - from < LOOKED_AT));
  }
});

t.test('a page ends when it has looked at very much, though it found nothing, and the next one goes on there', async (t) => {
  const { writer, database, log } = open(t);
  await commit(writer, [encodeEvent(event({ outcome: 'refused' }))]);
  fill(database, 1_500_000, 1);
  t.same(await all(log, REFUSED, 'newest', 10), { found: [1], pages: 2 });
  t.same(await all(log, REFUSED, 'oldest', 10), { found: [1], pages: 2 });
  t.same(await all(log, { ...REFUSED, outcome: 'failed' }, 'oldest', 10), { found: [], pages: 2 });
});

t.test('an empty log has no page after its first', async (t) => {
  const { log } = open(t);
  for (const order of ['oldest', 'newest'] as const) t.same(await all(log, REFUSED, order, 10), { found: [], pages: 1 });
});
