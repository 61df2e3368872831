import t from 'tap';
import type { AuditKeys } from '../../src/audit/keys.ts';
import type { LedgerReader } from '../../src/audit/ledger.ts';
import { segmentOf } from '../../src/audit/segment.ts';
import { verifySegment } from '../../src/audit/verify-segment.ts';
import { sqliteLedgerReader } from '../../src/stores/sqlite/audit/reader.ts';
import { openAuditDatabase, openAuditForReading } from '../../src/stores/sqlite/audit/schema.ts';
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
  return { path, keys, ledger, reader: sqliteLedgerReader(database) };
}

async function linesOf(reader: LedgerReader, keys: AuditKeys, until = AT + 1_000): Promise<string[]> {
  return taken((await segmentOf(reader, keys, until, AT))?.lines ?? []);
}

async function taken(lines: AsyncIterable<string> | Iterable<string>, into: string[] = []): Promise<string[]> {
  for await (const line of lines) into.push(line);
  return into;
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
  const { checkpoint } = await verifySegment(await linesOf(reader, keys, AT + 4), full(keys));
  if (checkpoint === null) throw new Error('There is something to export.');
  await ledger.drop(checkpoint);
  t.match((await verifySegment(await linesOf(reader, keys), full(keys))).verdict, { intact: true, from: 4, to: 6, records: 3 });
});

t.test('the hash where a segment begins is one, no longer and no shorter', async (t) => {
  const { keys, ledger, reader } = await log(t);
  const { checkpoint } = await verifySegment(await linesOf(reader, keys, AT + 4), full(keys));
  if (checkpoint === null) throw new Error('There is something to export.');
  await ledger.drop(checkpoint);
  const [header = '', ...lines] = await linesOf(reader, keys);
  const { hash } = JSON.parse(header).begin;
  const known = { ...full(keys), mac: null };
  for (const other of [`${hash}00`, hash.slice(0, -2), '', `${hash}xy`])
    t.match((await verifySegment([header.replace(hash, other), ...lines], known)).verdict.intact, false, other);
});

t.test('a record that is longer than any is a finding', async (t) => {
  const { keys, reader } = await log(t);
  const lines = await linesOf(reader, keys);
  const longer = lines.map((line) => line.replace('"r-3"', `"${'x'.repeat(70_000)}"`));
  t.not(longer.join(''), lines.join(''));
  t.match((await verifySegment(longer, full(keys))).verdict, { intact: false });
});

t.test('what is not as it was written is not exported, and nothing signs it', async (t) => {
  const { keys, reader, path } = await log(t);
  const database = openAuditDatabase(path);
  database.exec('UPDATE blocks SET head = zeroblob(32) WHERE first = 2');
  database.close();
  const segment = await segmentOf(reader, keys, AT + 1_000, AT);
  const lines: string[] = [];
  await t.rejects(taken(segment?.lines ?? [], lines), { code: 'corrupt_document', message: /record 3/ });
  t.equal(lines.length, 3, 'the header and the block before it');
});

t.test('an export has the log as it was when it began', async (t) => {
  const { keys, ledger, reader } = await log(t);
  const segment = await segmentOf(reader, keys, AT + 1_000, AT);
  await commit(ledger, texts(3, 7));
  t.match(segment, { from: 1, to: 6 });
  t.match((await verifySegment(segment?.lines ?? [], full(keys))).verdict, { intact: true, to: 6 });
});

t.test('an export that loses its beginning to a drop ends without a checkpoint', async (t) => {
  const { keys, ledger, reader } = await log(t);
  const { checkpoint } = await verifySegment(await linesOf(reader, keys, AT + 4), full(keys));
  const segment = await segmentOf(reader, keys, AT + 1_000, AT);
  if (checkpoint !== null) await ledger.drop(checkpoint);
  await t.rejects(taken(segment?.lines ?? []), { code: 'corrupt_document' });
});
