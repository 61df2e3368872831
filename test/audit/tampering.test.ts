import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import type { Block } from '../../src/audit/block.ts';
import type { AuditKeys } from '../../src/audit/keys.ts';
import { EVERY_BLOCK, type LocalLedgerReader } from '../../src/audit/ledger.ts';
import { verifyLedger } from '../../src/audit/verify.ts';
import type { AuditVerdict, Checkpoint } from '../../src/ports/audit.ts';
import { sqliteLedgerReader } from '../../src/stores/sqlite/audit/reader.ts';
import { openAuditForReading } from '../../src/stores/sqlite/audit/schema.ts';
import { inlineLedger } from '../../src/stores/sqlite/audit/threads.ts';
import { auditFile, commit, newKeys, texts } from './fixture.ts';

const noLeases = () => () => undefined;

/** A small log: records 1 | 2, 3 | 4, 5, 6 | 7, with a checkpoint of record 6. */
async function smallLog(t: { teardown(action: () => unknown): void }) {
  const path = auditFile(t);
  const keys = newKeys();
  const ledger = inlineLedger(path, keys, noLeases);
  await commit(ledger, texts(1, 1));
  await commit(ledger, texts(2, 2));
  await commit(ledger, texts(3, 4));
  const checkpoint = await ledger.checkpoint(1);
  await commit(ledger, texts(1, 7));
  await ledger.close();
  return { path, keys, checkpoint };
}

async function verify(path: string, keys: AuditKeys, known: Checkpoint | null = null, mac = true): Promise<AuditVerdict> {
  const database = openAuditForReading(path);
  try {
    return await verifyLedger(sqliteLedgerReader(database), { mac: mac ? keys.mac : null, publicKey: keys.publicKey, known });
  } finally {
    database.close();
  }
}

function edit(path: string, sql: string, ...values: (string | number | Uint8Array)[]): void {
  const database = new DatabaseSync(path);
  database.prepare(sql).run(...values);
  database.close();
}

/** The log as it is in memory, with its blocks changed. */
function altered(path: string, change: (blocks: Block[]) => Block[]): LocalLedgerReader {
  const database = openAuditForReading(path);
  const reader = sqliteLedgerReader(database);
  const blocks = change([...reader.blocks({ ...EVERY_BLOCK, order: 'oldest', limit: 100 })]);
  const [head, checkpoints] = [reader.head(), reader.checkpoints()];
  database.close();
  return {
    blocks: ({ from }) => blocks.filter(({ first, count }) => first + count > from),
    head: () => head,
    checkpoints: () => checkpoints,
    anchor: () => null,
    changes: () => [],
    close: () => undefined,
  };
}

t.test('an untouched log is intact, with and without its key', async (t) => {
  const { path, keys, checkpoint } = await smallLog(t);
  t.match(await verify(path, keys, checkpoint), { intact: true, records: 7, from: 1, to: 7, findings: [], unchecked: [] });
  const without = await verify(path, keys, null, false);
  t.match(without, { intact: true, unchecked: [/seals/, /older state/] });
});

t.test('every flipped byte of every block is found, and the record of its place is named', async (t) => {
  const { path, keys } = await smallLog(t);
  const columns = ['body', 'head', 'mac'] as const;
  for (let index = 0; index < 4; index++) {
    for (const column of columns) {
      const size = altered(path, (all) => all).blocks({ ...EVERY_BLOCK, order: 'oldest', limit: 9 })[index]?.[column].length ?? 0;
      for (let at = 0; at < size; at++) {
        const reader = altered(path, (blocks) => blocks.map((block, each) => (each === index ? flipped(block, column, at) : block)));
        const { findings } = await verifyLedger(reader, { mac: keys.mac, publicKey: keys.publicKey, known: null });
        const [first, last] = [
          [1, 1],
          [2, 3],
          [4, 6],
          [7, 7],
        ][index] ?? [0, 0];
        const [finding] = findings;
        if (finding === undefined || finding.sequence < (first ?? 0) || finding.sequence > (last ?? 0) + 1) {
          t.fail(`byte ${at} of ${column} of block ${index}: ${JSON.stringify(findings)}`);
        }
      }
    }
  }
  t.pass('all were found');
});

function flipped(block: Block, column: 'body' | 'head' | 'mac', at: number): Block {
  const bytes = Uint8Array.from(block[column]);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return { ...block, [column]: bytes };
}

t.test('what a block says of itself cannot be changed unseen', async (t) => {
  for (const column of ['earliest', 'latest', 'actions', 'outcomes', 'count']) {
    const { path, keys } = await smallLog(t);
    edit(path, `UPDATE blocks SET ${column} = ${column} + 1 WHERE first = 4`);
    t.match(await verify(path, keys), { intact: false }, column);
  }
});

t.test('an altered record is named, and it is the only one', async (t) => {
  const { path, keys } = await smallLog(t);
  const [, , block] = altered(path, (all) => all).blocks({ ...EVERY_BLOCK, order: 'oldest', limit: 9 });
  const body = Buffer.from(block?.body ?? []);
  body.write('evil', body.indexOf('r-5') + 4 - 4);
  edit(path, 'UPDATE blocks SET body = ? WHERE first = 4', body);
  const { findings } = await verify(path, keys);
  t.equal(findings.length, 1);
  t.match(findings, [{ sequence: 5, problem: /record 5 is not what was written after record 4/ }]);
});

t.test('a log cut off after any block is found by its recorded end', async (t) => {
  for (const first of [1, 2, 4, 7]) {
    const { path, keys } = await smallLog(t);
    edit(path, 'DELETE FROM blocks WHERE first >= ?', first);
    t.match((await verify(path, keys)).findings, [{ sequence: first, problem: /missing at the end/ }]);
  }
});

t.test('a removed block is named', async (t) => {
  const { path, keys } = await smallLog(t);
  edit(path, 'DELETE FROM blocks WHERE first = 2');
  t.match((await verify(path, keys)).findings, [{ sequence: 2, problem: 'records 2 to 3 are missing' }]);
});

t.test('any two blocks that change places are found', async (t) => {
  const { path, keys } = await smallLog(t);
  for (const [one, other] of [
    [0, 1],
    [0, 2],
    [0, 3],
    [1, 2],
    [1, 3],
    [2, 3],
  ] as const) {
    const reader = altered(path, (blocks) => {
      const [a, b] = [blocks[one], blocks[other]];
      if (a === undefined || b === undefined) return blocks;
      // as a forger would write it: each in the other's place, with the numbers that belong there
      return blocks.map((block) => (block === a ? { ...b, first: a.first } : block === b ? { ...a, first: b.first } : block));
    });
    const { findings } = await verifyLedger(reader, { mac: keys.mac, publicKey: keys.publicKey, known: null });
    t.ok(findings.length > 0, `blocks ${one} and ${other}`);
  }
});

t.test('without the key nobody writes a log that passes: not with a new key, and not by rebuilding all hashes', async (t) => {
  const { keys, checkpoint } = await smallLog(t);
  const forged = auditFile(t);
  const theirs = newKeys();
  const ledger = inlineLedger(forged, theirs, noLeases);
  for (let first = 1; first <= 7; first++) await commit(ledger, texts(1, first + 100));
  await ledger.close();
  t.match((await verify(forged, keys)).findings[0], { problem: /does not bear the seal/ });
  const publicOnly = await verify(forged, keys, checkpoint, false);
  t.match(publicOnly.findings[0], { sequence: 6, problem: /signed checkpoint/ }, 'a kept checkpoint finds it without the key');
});

t.test('a log that was set back to an older state is found by a checkpoint kept elsewhere, and by nothing else', async (t) => {
  const { path, keys } = await smallLog(t);
  const later: Checkpoint = { ...(await signedLater(keys)), sequence: 9 };
  t.match(await verify(path, keys), { intact: true });
  t.match((await verify(path, keys, later)).findings.length > 0, true);
});

async function signedLater(keys: AuditKeys): Promise<Checkpoint> {
  const { signCheckpoint } = await import('../../src/audit/keys.ts');
  return signCheckpoint({ sequence: 9, hash: Buffer.alloc(32, 1) }, 2, keys.signing);
}

t.test('a forged checkpoint, stored or given, is found', async (t) => {
  const { path, keys, checkpoint } = await smallLog(t);
  t.match((await verify(path, keys, { ...checkpoint, at: 5 })).findings, [{ sequence: 6, problem: /not signed/ }]);
  edit(path, 'UPDATE checkpoints SET hash = ?', 'ab'.repeat(32));
  t.match((await verify(path, keys)).findings, [{ sequence: 6, problem: /not signed/ }]);
});

t.test('a forged end is found, and a log with one is not written on', async (t) => {
  const { path, keys } = await smallLog(t);
  edit(path, 'UPDATE head SET sequence = 6, hash = (SELECT head FROM blocks WHERE first = 4)');
  t.match((await verify(path, keys)).intact, false);
  t.throws(() => inlineLedger(path, keys, noLeases), { code: 'corrupt_document', message: /end of the audit log/ });
  edit(path, 'DELETE FROM head');
  t.match((await verify(path, keys)).findings, [{ problem: /end of the log is not recorded/ }]);
  t.throws(() => inlineLedger(path, keys, noLeases), { code: 'corrupt_document' });
});
