import { KeyturnError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import type { Checkpoint } from '../ports/audit.ts';
import type { AuditRecord } from '../ports/journal.ts';
import { type Block, entriesOf, sealedBody, summaryOf } from './block.ts';
import { GENESIS, type Head, hex, link } from './chain.ts';
import { type AuditKeys, signCheckpoint } from './keys.ts';
import { EVERY_BLOCK, type LedgerReader } from './ledger.ts';
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
export async function beginOf(reader: LedgerReader): Promise<Head> {
  const anchor = await reader.anchor();
  return anchor === null ? GENESIS : pointOf(anchor);
}

export interface Segment {
  readonly lines: AsyncIterable<string>;
  /** Of the last record in it. Null: there is nothing to export. */
  readonly checkpoint: Checkpoint | null;
  readonly from: number;
}

/** All blocks from the beginning of the log on that hold nothing of `until` or later. The log may be written meanwhile. */
export async function segmentOf(reader: LedgerReader, keys: AuditKeys, until: Instant, now: Instant): Promise<Segment> {
  const begin = await beginOf(reader);
  let last: Block | null = null;
  for await (const block of blocksAfter(reader, begin.sequence)) {
    if (block.latest >= until) break;
    last = block;
  }
  if (last === null) return { lines: noLines(), checkpoint: null, from: begin.sequence + 1 };
  const checkpoint = signCheckpoint({ sequence: last.first + last.count - 1, hash: last.head }, now, keys.signing);
  return { lines: linesOf(reader, keys, begin, checkpoint), checkpoint, from: begin.sequence + 1 };
}

async function* noLines(): AsyncGenerator<string> {}

async function* linesOf(reader: LedgerReader, keys: AuditKeys, begin: Head, checkpoint: Checkpoint): AsyncGenerator<string> {
  const start = { sequence: begin.sequence, hash: hex(begin.hash) };
  yield JSON.stringify({ format: SEGMENT_FORMAT, begin: start, publicKey: keys.publicKey });
  let head = begin;
  for await (const block of blocksAfter(reader, begin.sequence)) {
    if (block.first > checkpoint.sequence) break;
    yield blockLine(block.first, block.count, hex(block.mac));
    for (const { text } of entriesOf(block.body).entries) {
      head = link(head, text);
      yield recordLine(decodeRecord(Buffer.from(text).toString(), head.sequence), hex(head.hash));
    }
  }
  yield checkpointLine(checkpoint);
}

const PAGE = 64;

async function* blocksAfter(reader: LedgerReader, after: number): AsyncGenerator<Block> {
  for (let from = after + 1; ; ) {
    const page = await reader.blocks({ ...EVERY_BLOCK, from, order: 'oldest', limit: PAGE });
    for (const block of page) {
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
