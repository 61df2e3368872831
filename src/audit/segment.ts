import { KeyturnError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import type { Checkpoint } from '../ports/audit.ts';
import type { AuditRecord } from '../ports/journal.ts';
import { type Block, entriesOf, sealedBody, summaryOf } from './block.ts';
import { GENESIS, type Head, hex, link } from './chain.ts';
import { type AuditKeys, signCheckpoint } from './keys.ts';
import { EVERY_BLOCK, type LocalLedgerReader } from './ledger.ts';
import { decodeRecord, encodeEvent } from './record.ts';
import { pointOf } from './verify.ts';
import { checkpointView, recordView } from './view.ts';

/**
 * A piece of the log as text, one JSON value a line, which can be verified without the database: a header (where the piece begins, and the
 * log's public key), then for each block a line with its seal and a line for each record with its whole chain hash, and last a checkpoint
 * of the last record.
 */
export const SEGMENT_FORMAT = 'keyturn audit segment v1';

/** Where the log begins: at its first record, or after what was dropped. */
export function beginOf(reader: LocalLedgerReader): Head {
  const anchor = reader.anchor();
  return anchor === null ? GENESIS : pointOf(anchor);
}

export interface Segment {
  readonly lines: Iterable<string>;
  /** Of the last record in it. Null: there is nothing to export. */
  readonly checkpoint: Checkpoint | null;
  readonly from: number;
}

/** All blocks from the beginning of the log on that hold nothing of `until` or later. */
export function segmentOf(reader: LocalLedgerReader, keys: AuditKeys, until: Instant, now: Instant): Segment {
  const begin = beginOf(reader);
  let last: Block | null = null;
  for (const block of blocksUntil(reader, begin.sequence, until)) last = block;
  if (last === null) return { lines: [], checkpoint: null, from: begin.sequence + 1 };
  const checkpoint = signCheckpoint({ sequence: last.first + last.count - 1, hash: last.head }, now, keys.signing);
  return { lines: linesOf(reader, keys, begin, until, checkpoint), checkpoint, from: begin.sequence + 1 };
}

function* linesOf(reader: LocalLedgerReader, keys: AuditKeys, begin: Head, until: Instant, checkpoint: Checkpoint): Generator<string> {
  const start = { sequence: begin.sequence, hash: hex(begin.hash) };
  yield JSON.stringify({ format: SEGMENT_FORMAT, begin: start, publicKey: keys.publicKey });
  let head = begin;
  for (const block of blocksUntil(reader, begin.sequence, until)) {
    yield blockLine(block.first, block.count, hex(block.mac));
    for (const { text } of entriesOf(block.body).entries) {
      head = link(head, text);
      yield recordLine(decodeRecord(Buffer.from(text).toString(), head.sequence), hex(head.hash));
    }
  }
  yield checkpointLine(checkpoint);
}

const PAGE = 64;

function* blocksUntil(reader: LocalLedgerReader, after: number, until: Instant): Generator<Block> {
  for (let from = after + 1; ; ) {
    const page = reader.blocks({ ...EVERY_BLOCK, from, order: 'oldest', limit: PAGE });
    for (const block of page) {
      if (block.latest >= until) return;
      yield block;
      from = block.first + block.count;
    }
    if (page.length < PAGE) return;
  }
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
  const texts = records.map(({ record }) => encodeEvent(record));
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
