import { setImmediate as nextTurn } from 'node:timers/promises';
import { KeyturnError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import type { AuditExport, Checkpoint } from '../ports/audit.ts';
import type { AuditRecord } from '../ports/journal.ts';
import { type Block, eachEntry, sealedBody, summaryOf } from './block.ts';
import { GENESIS, type Head, hex, link } from './chain.ts';
import { ChainCheck } from './check.ts';
import { type AuditKeys, signCheckpoint } from './keys.ts';
import { EVERY_BLOCK, type LedgerReader } from './ledger.ts';
import { decodeRecord, encodeRead } from './record.ts';
import { pointOf } from './verify.ts';
import { checkpointView, recordView } from './view.ts';
import { blocksFrom, LOOKED_AT } from './walk.ts';

/**
 * A piece of the log as text, one JSON value a line, which can be verified without the database: a header (where the piece begins, and the
 * log's public key), then for each block a line with its seal and a line for each record with its whole chain hash, and last a checkpoint
 * of the last record.
 */
export const SEGMENT_FORMAT = 'keyturn audit segment v1';

/** Lines between two turns of the event loop. */
const LINES_AT_ONCE = 200;
/** In characters. */
const PIECE = 65_536;

/** Where the log begins: at its first record, or after what was dropped. */
export function beginAt(anchor: Checkpoint | null): Head {
  return anchor === null ? GENESIS : pointOf(anchor);
}

/**
 * All blocks from the beginning of the log on that hold nothing of `until` or later, as far as the log goes now. Null: there are none. A block is verified
 * before its lines are written: nothing is signed that is not as Keyturn wrote it.
 */
export async function segmentOf(reader: LedgerReader, keys: AuditKeys, until: Instant, now: Instant): Promise<AuditExport | null> {
  const begin = beginAt(await reader.anchor());
  const to = await lastBefore(reader, begin, until);
  if (to <= begin.sequence) return null;
  return { from: begin.sequence + 1, to, lines: linesOf(reader, keys, begin, to, now) };
}

/** @throws KeyturnError `corrupt_document` where the log is not as it was written, or loses its beginning meanwhile */
async function* linesOf(reader: LedgerReader, keys: AuditKeys, begin: Head, to: number, now: Instant): AsyncGenerator<string> {
  const { mac, publicKey, signing } = keys;
  const check = new ChainCheck({ begin, mac, publicKey, checkpoints: [] });
  const start = { sequence: begin.sequence, hash: hex(begin.hash) };
  yield JSON.stringify({ format: SEGMENT_FORMAT, begin: start, publicKey });
  for await (const block of blocksFrom(reader, begin.sequence + 1, to)) {
    let { head } = check;
    for (const _ of check.steps(block)) await nextTurn();
    requireIntact(check);
    yield blockLine(block.first, block.count, hex(block.mac));
    for (const { text } of eachEntry(block.body)) {
      head = link(head, text);
      yield recordLine(decodeRecord(Buffer.from(text).toString(), head.sequence), hex(head.hash));
      if (head.sequence % LINES_AT_ONCE === 0) await nextTurn();
    }
  }
  check.end(to, 'the log held them when the export began');
  requireIntact(check);
  yield checkpointLine(signCheckpoint(check.head, now, signing));
}

function requireIntact({ findings: [found] }: ChainCheck): void {
  if (found === undefined) return;
  throw new KeyturnError('corrupt_document', `The export ends here: ${found.problem}. Run: keyturn audit verify`);
}

/** The last record before the first block that holds something of `until` or later. */
async function lastBefore(reader: LedgerReader, begin: Head, until: Instant): Promise<number> {
  const end = (await reader.head())?.sequence ?? begin.sequence;
  for (let from = begin.sequence + 1; from <= end; from += LOOKED_AT) {
    const to = from + LOOKED_AT - 1;
    const [late] = await reader.blocks({ ...EVERY_BLOCK, from, to, since: until, order: 'oldest', limit: 1 });
    if (late !== undefined) return Math.min(late.first - 1, end);
    await nextTurn();
  }
  return end;
}

/** Lines in pieces that are worth a write. */
export async function* textOf(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let piece = '';
  for await (const line of lines) {
    piece += `${line}\n`;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

export function blockLine(first: number, count: number, mac: string): string {
  return JSON.stringify({ block: { first, count, mac } });
}

export function recordLine(record: AuditRecord, hash: string): string {
  return JSON.stringify({ ...recordView(record), hash });
}

export function checkpointLine(checkpoint: Checkpoint): string {
  return JSON.stringify({ checkpoint: checkpointView(checkpoint) });
}

/** A block as a segment tells it. @throws KeyturnError `corrupt_document` where a record cannot be one */
export function blockFrom(first: number, mac: string, records: readonly { readonly record: AuditRecord; readonly hash: string }[]): Block {
  const texts = records.map(({ record }) => encodeRead(record));
  const last = records.at(-1);
  if (last === undefined) throw new KeyturnError('corrupt_document', `The block at record ${first} is empty.`);
  return {
    first,
    count: records.length,
    ...summaryOf(texts),
    head: Buffer.from(last.hash, 'hex'),
    mac: Buffer.from(mac, 'hex'),
    body: sealedBody(texts.map((text, index) => ({ text: Buffer.from(text), tag: Buffer.from(records[index]?.hash ?? '', 'hex') }))),
  };
}
