import type { KeyObject } from 'node:crypto';
import { KeyturnError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import { blockMac, type Head, link, TAG_BYTES } from './chain.ts';
import { actionBit, decodeRecord, MAX_RECORD_BYTES, outcomeBit } from './record.ts';

/** The records of one commit. All but `body`, `head` and `mac` can be computed again from `body`, and a verifier does. */
export interface Block {
  /** Sequence of its first record. */
  readonly first: number;
  readonly count: number;
  /** The least and the greatest `at` of its records. */
  readonly earliest: Instant;
  readonly latest: Instant;
  /** Which actions and outcomes it holds, one bit each (record.ts). */
  readonly actions: number;
  readonly outcomes: number;
  /** Chain hash of its last record. */
  readonly head: Uint8Array;
  readonly mac: Uint8Array;
  /** Its records, one after the other: length of the text as 2 bytes, the first `TAG_BYTES` of its chain hash, the text. */
  readonly body: Uint8Array;
}

export type Summary = Pick<Block, 'earliest' | 'latest' | 'actions' | 'outcomes'>;

/** One record as it lies in a block. */
export interface Entry {
  readonly tag: Uint8Array;
  readonly text: Uint8Array;
}

const LENGTH_BYTES = 2;
const HEADER_BYTES = LENGTH_BYTES + TAG_BYTES;
/** In UTF-8, of one UTF-16 unit, at most. */
const BYTES_OF_A_CHARACTER = 3;

/**
 * Chains records to the head and seals them.
 * @param texts at least one, as `encodeEvent` writes them
 */
export function sealBlock(texts: readonly string[], before: Head, key: KeyObject): { readonly block: Block; readonly head: Head } {
  // laid out in one piece, which costs half of what a buffer for each record does
  const body = Buffer.allocUnsafe(texts.reduce((room, text) => room + HEADER_BYTES + BYTES_OF_A_CHARACTER * text.length, 0));
  let head = before;
  let at = 0;
  for (const text of texts) {
    const begin = at + HEADER_BYTES;
    const length = body.write(text, begin);
    if (length > MAX_RECORD_BYTES) throw new KeyturnError('internal', 'An audit record is too long.');
    head = link(head, body.subarray(begin, begin + length));
    putHeader(body, at, length, head.hash);
    at = begin + length;
  }
  const sums = summaryOf(texts);
  const mac = blockMac(key, before, head);
  const block = { first: before.sequence + 1, count: texts.length, ...sums, head: head.hash, mac, body: body.subarray(0, at) };
  return { block, head };
}

function headerFor(record: Uint8Array, hash: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  putHeader(header, 0, record.length, hash);
  return header;
}

function putHeader(body: Buffer, at: number, length: number, hash: Uint8Array): void {
  body.writeUInt16BE(length, at);
  body.set(hash.subarray(0, TAG_BYTES), at + LENGTH_BYTES);
}

/** A body of records whose chain hashes are claimed by somebody: a verifier compares them with those it computes. */
export function sealedBody(entries: readonly Entry[]): Buffer {
  return Buffer.concat(entries.flatMap(({ tag, text }) => [headerFor(text, tag), text]));
}

/** The records of a body. Stops where the body is not whole: `rest` is then not empty. */
export function entriesOf(body: Uint8Array): { readonly entries: readonly Entry[]; readonly rest: number } {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const entries: Entry[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const end = at + HEADER_BYTES + bytes.readUInt16BE(at);
    if (end > bytes.length) break;
    entries.push({ tag: bytes.subarray(at + LENGTH_BYTES, at + HEADER_BYTES), text: bytes.subarray(at + HEADER_BYTES, end) });
    at = end;
  }
  return { entries, rest: bytes.length - at };
}

/** Of texts as `encodeEvent` writes them: the first three fields are read, nothing else. */
export function summaryOf(texts: readonly string[]): Summary {
  let [earliest, latest, actions, outcomes] = [Number.MAX_SAFE_INTEGER, 0, 0, 0];
  let last = '';
  for (const text of texts) {
    const afterAt = text.indexOf(',');
    const afterAction = text.indexOf(',', afterAt + 1);
    const instant = Number(text.slice(1, afterAt));
    if (instant < earliest) earliest = instant;
    if (instant > latest) latest = instant;
    const kind = text.slice(afterAt, text.indexOf(',', afterAction + 1));
    if (kind === last) continue;
    last = kind;
    const record = decodeRecord(text, 0);
    actions = withBit(actions, actionBit(record.action));
    outcomes |= outcomeBit(record.outcome);
  }
  return { earliest, latest, actions, outcomes };
}

/** Bits beyond the 32nd too. */
function withBit(bits: number, bit: number): number {
  return Math.floor(bits / bit) % 2 === 1 ? bits : bits + bit;
}
