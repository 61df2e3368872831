import t from 'tap';
import type { AuditKeys } from '../../src/audit/keys.ts';
import type { LedgerReader } from '../../src/audit/ledger.ts';
import { segmentOf } from '../../src/audit/segment.ts';
import { verifySegment } from '../../src/audit/verify-segment.ts';
import { sqliteLedgerReader } from '../../src/stores/sqlite/audit/reader.ts';
import { openAuditForReading } from '../../src/stores/sqlite/audit/schema.ts';
import { inlineLedger } from '../../src/stores/sqlite/audit/threads.ts';
import { AT, auditFile, commit, newKeys, texts } from './fixture.ts';

/** Records 1 | 2, 3 | 4, 5, 6, each a millisecond after the one before. */
async function log(t: { teardown(action: () => unknown): void }) {
  const [path, keys] = [auditFile(t), newKeys()];
  const ledger = inlineLedger(path, keys, () => () => undefined);
  await commit(ledger, texts(1, 1));
  await commit(ledger, texts(2, 2));
  await commit(ledger, texts(3, 4));
  const database = openAuditForReading(path);
  t.teardown(async () => {
    database.close();
    await ledger.close();
  });
  return { keys, ledger, reader: sqliteLedgerReader(database) };
}

async function linesOf(reader: LedgerReader, keys: AuditKeys, until = AT + 1_000): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of (await segmentOf(reader, keys, until, AT)).lines) lines.push(line);
  return lines;
}

const full = (keys: AuditKeys) => ({ mac: keys.mac, publicKey: keys.publicKey, known: null });

t.test('an exported segment verifies by itself, with all keys, with the public one and with none', async (t) => {
  const { keys, reader } = await log(t);
  const lines = await linesOf(reader, keys);
  t.match((await verifySegment(lines, full(keys))).verdict, { intact: true, records: 6, from: 1, to: 6 });
  t.match((await verifySegment(lines, { ...full(keys), mac: null })).verdict, { intact: true, unchecked: [/seals/, /older/] });
  t.match((await verifySegment(lines, { mac: null, publicKey: null, known: null })).verdict, {
    intact: true,
    unchecked: [/seals/, /Signatures/, /older/],
  });
});

t.test('only whole blocks before the instant are exported', async (t) => {
  const { keys, reader } = await log(t);
  t.match((await verifySegment(await linesOf(reader, keys, AT + 6), full(keys))).verdict, { intact: true, to: 3 });
  t.same(await linesOf(reader, keys, AT), []);
});

t.test('every flipped byte of a segment is found', async (t) => {
  const { keys, reader } = await log(t);
  const lines = await linesOf(reader, keys);
  for (const [index, line] of lines.entries()) {
    for (let at = 0; at < line.length; at++) {
      const changed = `${line.slice(0, at)}${String.fromCharCode(line.charCodeAt(at) ^ 1)}${line.slice(at + 1)}`;
      const { verdict } = await verifySegment(lines.toSpliced(index, 1, changed), full(keys));
      if (verdict.intact) t.fail(`line ${index}, byte ${at}: ${changed.slice(at - 10, at + 10)}`);
    }
  }
  t.pass('all were found');
});

t.test('a cut at any line, a missing line, and any two lines that change places are found', async (t) => {
  const { keys, reader } = await log(t);
  const lines = await linesOf(reader, keys);
  for (let at = 0; at < lines.length; at++) {
    t.equal((await verifySegment(lines.slice(0, at), full(keys))).verdict.intact, false, `cut before line ${at}`);
    t.equal((await verifySegment(lines.toSpliced(at, 1), full(keys))).verdict.intact, false, `without line ${at}`);
    for (let other = at + 1; other < lines.length; other++) {
      const swapped = lines.with(at, lines[other] ?? '').with(other, lines[at] ?? '');
      t.equal((await verifySegment(swapped, full(keys))).verdict.intact, false, `lines ${at} and ${other}`);
    }
  }
});

t.test('the altered record of a segment is named', async (t) => {
  const { keys, reader } = await log(t);
  const lines = (await linesOf(reader, keys)).map((line) => line.replace('"requestId":"r-5"', '"requestId":"r-x"'));
  t.match((await verifySegment(lines, full(keys))).verdict.findings, [{ sequence: 5 }]);
});

t.test('a segment that somebody made up is not believed', async (t) => {
  const { keys } = await log(t);
  const theirs = await log(t);
  const lines = await linesOf(theirs.reader, theirs.keys);
  t.match((await verifySegment(lines, full(keys))).verdict.intact, false);
  t.match((await verifySegment(lines, { ...full(keys), mac: null })).verdict.intact, false, 'by the public key alone');
});

t.test('after a drop the next segment begins where the last one ended', async (t) => {
  const { keys, ledger, reader } = await log(t);
  const { checkpoint } = await segmentOf(reader, keys, AT + 4, AT);
  if (checkpoint === null) throw new Error('There is something to export.');
  await ledger.drop(checkpoint);
  t.match((await verifySegment(await linesOf(reader, keys), full(keys))).verdict, { intact: true, from: 4, to: 6, records: 3 });
});

t.test('a segment ends where its checkpoint says, also while the log is written', async (t) => {
  const { keys, ledger, reader } = await log(t);
  const { lines, checkpoint } = await segmentOf(reader, keys, AT + 1_000, AT);
  await commit(ledger, texts(3, 7));
  t.equal(checkpoint?.sequence, 6);
  t.match((await verifySegment(lines, full(keys))).verdict, { intact: true, to: 6 });
});
