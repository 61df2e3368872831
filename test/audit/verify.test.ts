import t, { type Test } from 'tap';
import type { AuditKeys } from '../../src/audit/keys.ts';
import type { LedgerReader } from '../../src/audit/ledger.ts';
import { auditLog } from '../../src/audit/log.ts';
import { verifyLedger } from '../../src/audit/verify.ts';
import { blocksFrom } from '../../src/audit/walk.ts';
import { sqliteLedgerReader } from '../../src/stores/sqlite/audit/reader.ts';
import { openAuditDatabase, openAuditForReading } from '../../src/stores/sqlite/audit/schema.ts';
import { inlineLedger } from '../../src/stores/sqlite/audit/threads.ts';
import { ManualClock } from '../support/clock.ts';
import { AT, auditFile, commit, newKeys, texts } from './fixture.ts';

async function logOf(t: Test, blocks: readonly number[], keys: AuditKeys = newKeys()) {
  const path = auditFile(t);
  const ledger = inlineLedger(path, keys, () => () => undefined);
  let written = 0;
  for (const count of blocks) {
    await commit(ledger, texts(count, written + 1));
    written += count;
  }
  const database = openAuditForReading(path);
  t.teardown(async () => {
    database.close();
    await ledger.close();
  });
  return { path, keys, ledger, reader: sqliteLedgerReader(database) };
}

/** Turns of the event loop that somebody else gets while the work lasts. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let over = false;
  const turn = (): void => {
    turns++;
    if (!over) setImmediate(turn);
  };
  setImmediate(turn);
  await work;
  over = true;
  return turns;
}

t.test('others get their turn within a long block, not only after it', async (t) => {
  const { reader, keys } = await logOf(t, [4_096, 4_096]);
  const turns = await turnsDuring(verifyLedger(reader, { mac: keys.mac, publicKey: keys.publicKey, known: null }));
  t.ok(turns >= 2 * Math.floor(4_096 / 200), `${turns} turns`);
});

t.test('what is read at once is bounded by records, whatever the size of blocks', async (t) => {
  const { reader } = await logOf(t, [3, 4_096, 1, 900, 200, 4_096]);
  const pieces: number[] = [];
  const counting: LedgerReader = {
    ...reader,
    blocks: (search) => {
      const blocks = reader.blocks(search);
      pieces.push(blocks.reduce((sum, { count }) => sum + count, 0));
      return blocks;
    },
  };
  const firsts: number[] = [];
  for await (const { first } of blocksFrom(counting, 1)) firsts.push(first);
  t.same(firsts, [1, 4, 4_100, 4_101, 5_001, 5_201]);
  t.ok(Math.max(...pieces) <= 1_000 + 4_096, `${pieces}`);
});

t.test('only the blocks that were asked for are walked', async (t) => {
  const { reader } = await logOf(t, [10, 10, 10]);
  const firsts: number[] = [];
  for await (const { first } of blocksFrom(reader, 11, 20)) firsts.push(first);
  t.same(firsts, [11]);
});

t.test('records that are missing in a run longer than a piece are named, and what follows them is verified', async (t) => {
  const { path, reader, keys } = await logOf(t, [10, 2_000, 2_000, 10]);
  const database = openAuditDatabase(path);
  database.exec('DELETE FROM blocks WHERE first = 11 OR first = 2011');
  database.close();
  const verdict = await verifyLedger(reader, { mac: keys.mac, publicKey: keys.publicKey, known: null });
  t.match(verdict, { intact: false, to: 4_020, findings: [{ sequence: 11, problem: 'records 11 to 4010 are missing' }] });
});

t.test('a drop that comes in the middle is no finding: the rest is verified from where the log begins then', async (t) => {
  const { reader, keys, ledger } = await logOf(t, [2_000, 2_000]);
  const anchor = await ledger.checkpoint(AT);
  await commit(ledger, texts(2_000, 4_001));
  let dropped = false;
  const dropping: LedgerReader = {
    ...reader,
    async blocks(search) {
      if (search.from === 2_001 && !dropped) {
        dropped = true;
        await ledger.drop(anchor);
      }
      return reader.blocks(search);
    },
  };
  const verdict = await verifyLedger(dropping, { mac: keys.mac, publicKey: keys.publicKey, known: null });
  t.ok(dropped);
  t.match(verdict, { intact: true, findings: [], from: 4_001, to: 6_000 });
});

t.test('a log is verified once at a time: who asks meanwhile hears when to ask again, and is then answered', async (t) => {
  const { reader, keys, ledger: writer } = await logOf(t, [2_000]);
  const log = auditLog({ reader, writer, keys, clock: new ManualClock(AT) });
  const running = log.verify(null);
  await t.rejects(log.verify(null), { code: 'verification_under_way', retryAfterSeconds: 5 });
  t.match(await running, { intact: true, records: 2_000 });
  t.match(await log.verify(null), { intact: true });
  const broken = auditLog({
    reader: { ...reader, head: () => Promise.reject(new Error('out')) },
    writer,
    keys,
    clock: new ManualClock(AT),
  });
  for (let tries = 0; tries < 2; tries++) await t.rejects(broken.verify(null), { message: 'out' }, 'one that failed is over too');
});
