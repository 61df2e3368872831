import type { KeyObject } from 'node:crypto';
import type { AuditVerdict, Checkpoint } from '../ports/audit.ts';
import type { AuditRecord } from '../ports/journal.ts';
import { GENESIS, type Head, hex, link, sameBytes } from './chain.ts';
import { ChainCheck } from './check.ts';
import { isSigned } from './keys.ts';
import { decodeRecord, encodeRead, MAX_RECORD_BYTES } from './record.ts';
import { blockFrom, blockLine, checkpointLine, recordLine, SEGMENT_FORMAT } from './segment.ts';
import { unchecked, type VerifyOptions, verdictOf } from './verify.ts';

/** What a segment claims, once it was read to its end. */
export interface VerifiedSegment {
  readonly verdict: AuditVerdict;
  readonly begin: Head;
  /** Of its last record, signed; null = it has none that can be believed. */
  readonly checkpoint: Checkpoint | null;
}

interface Told {
  readonly record: AuditRecord;
  readonly hash: string;
}

type Line =
  | { readonly kind: 'block'; readonly first: number; readonly count: number; readonly mac: string }
  | { readonly kind: 'record'; readonly told: Told }
  | { readonly kind: 'checkpoint'; readonly checkpoint: Checkpoint }
  | { readonly kind: 'unknown' };

/**
 * Verifies an exported segment. The public key in the file is whoever's wrote it: without one of your own, signatures prove nothing, and
 * the verdict says so.
 * @param heed hears of each record; to be believed only if the verdict says that the segment is intact
 */
export async function verifySegment(
  lines: AsyncIterable<string> | Iterable<string>,
  options: VerifyOptions,
  heed: (record: AuditRecord) => void = () => undefined,
): Promise<VerifiedSegment> {
  let reading: Reading | null = null;
  for await (const line of lines) {
    if (reading === null) reading = new Reading(headerOf(line), options, heed);
    else reading.take(line);
  }
  reading ??= new Reading(null, options, heed);
  return reading.end();
}

/** The state between two lines. */
class Reading {
  readonly #begin: Head;
  readonly #check: ChainCheck;
  readonly #mac: KeyObject | null;
  readonly #publicKey: string | null;
  readonly #known: Checkpoint | null;
  readonly #heed: (record: AuditRecord) => void;
  #block: Extract<Line, { kind: 'block' }> | null = null;
  #records: Told[] = [];
  #checkpoint: Checkpoint | null = null;

  constructor(
    header: { readonly begin: Head; readonly publicKey: string } | null,
    { mac, publicKey, known }: VerifyOptions,
    heed: (record: AuditRecord) => void,
  ) {
    this.#begin = header?.begin ?? GENESIS;
    this.#mac = mac;
    this.#publicKey = publicKey;
    this.#known = known;
    this.#heed = heed;
    this.#check = new ChainCheck({ begin: this.#begin, mac, publicKey, checkpoints: known === null ? [] : [known] });
    if (header === null) this.#check.find(this.#begin.sequence, 'the first line is not the header of an audit segment');
    else if (publicKey !== null && publicKey !== header.publicKey)
      this.#check.find(this.#begin.sequence, 'it names another public key than the one given');
  }

  take(text: string): void {
    const line = lineOf(text);
    if (this.#checkpoint !== null) return void this.#check.find(this.#next(), 'there is more after the checkpoint');
    if (line.kind === 'record' && this.#block !== null) return void this.#records.push(line.told);
    this.#close();
    if (line.kind === 'block') this.#block = line;
    else if (line.kind === 'checkpoint') this.#checkpoint = line.checkpoint;
    else this.#check.find(this.#next(), `the line of record ${this.#next()} was altered, or its block is missing`);
  }

  end(): VerifiedSegment {
    this.#close();
    const { head } = this.#check;
    const signed = this.#checkpoint;
    if (signed === null) this.#check.find(head.sequence + 1, 'the checkpoint at the end is missing: it was cut');
    else this.#compare(signed, head);
    if (this.#known !== null) this.#check.end(this.#known.sequence, 'the checkpoint given names them');
    const unsaid = unchecked(this.#mac, this.#publicKey, this.#known, this.#begin);
    return { verdict: verdictOf(this.#check, this.#begin, unsaid), begin: this.#begin, checkpoint: signed };
  }

  #compare(signed: Checkpoint, head: Head): void {
    if (signed.sequence !== head.sequence || !sameBytes(Buffer.from(signed.hash, 'hex'), head.hash)) {
      this.#check.find(head.sequence, `record ${head.sequence} is not the last one that the checkpoint at the end names`);
    }
    if (this.#publicKey !== null && !isSigned(signed, this.#publicKey)) {
      this.#check.find(head.sequence, 'the checkpoint at the end is not signed by the key of this log');
    }
  }

  /** The block check knows only the beginning of each hash. */
  #compareHashes(first: number, records: readonly Told[]): void {
    let { head } = this.#check;
    if (first !== head.sequence + 1) return;
    for (const { record, hash } of records) {
      head = link(head, Buffer.from(encodeRead(record)));
      if (hex(head.hash) !== hash)
        return void this.#check.find(head.sequence, `record ${head.sequence}, or its hash, was altered, moved or removed`);
    }
  }

  #next(): number {
    return this.#check.head.sequence + this.#records.length + 1;
  }

  /** Hands a block that is whole to the check. */
  #close(): void {
    if (this.#block === null) return;
    const { first, count, mac } = this.#block;
    const records = this.#records;
    for (const { record } of records) this.#heed(record);
    this.#block = null;
    this.#records = [];
    if (records.length !== count)
      this.#check.find(first + records.length, `the block at record ${first} has ${records.length} of ${count} records`);
    const odd = records.findIndex(({ record }, index) => record.sequence !== first + index);
    if (odd >= 0) this.#check.find(first + odd, `where record ${first + odd} belongs stands record ${records[odd]?.record.sequence}`);
    this.#compareHashes(first, records);
    if (records.length > 0) this.#check.block(blockFrom(first, mac, records));
  }
}

/** The first line of a segment; null = it is none. */
export function headerOf(text: string): { readonly begin: Head; readonly publicKey: string } | null {
  const value = parsed(text);
  const { format, begin, publicKey } = value as { format?: unknown; begin?: { sequence?: unknown; hash?: unknown }; publicKey?: unknown };
  if (format !== SEGMENT_FORMAT || typeof publicKey !== 'string' || typeof begin?.sequence !== 'number' || typeof begin.hash !== 'string')
    return null;
  // the chain takes the first bytes of what is longer, and what is shorter leaves bytes of another record in their place
  if (!/^[0-9a-f]{64}$/.test(begin.hash)) return null;
  if (JSON.stringify({ format, begin: { sequence: begin.sequence, hash: begin.hash }, publicKey }) !== text) return null;
  const head = { sequence: begin.sequence, hash: Buffer.from(begin.hash, 'hex') };
  return head.sequence === 0 && hex(head.hash) !== hex(GENESIS.hash) ? null : { begin: head, publicKey };
}

/** The last line of a segment; null = it is none, because the segment was cut. */
export function footerOf(text: string): Checkpoint | null {
  const line = lineOf(text);
  return line.kind === 'checkpoint' ? line.checkpoint : null;
}

/** Whatever is not exactly as an export writes it is `unknown`. */
function lineOf(text: string): Line {
  const value = parsed(text) as { block?: BlockFields; checkpoint?: CheckpointFields; hash?: unknown };
  if (value.block !== undefined) {
    const { first, count, mac } = value.block;
    return blockLine(first, count, mac) === text ? { kind: 'block', first, count, mac } : { kind: 'unknown' };
  }
  if (value.checkpoint !== undefined) {
    const { sequence: last, at, hash, signature } = value.checkpoint;
    const instant = Date.parse(at);
    if (Number.isNaN(instant)) return { kind: 'unknown' };
    const checkpoint = { sequence: last, at: instant, hash, signature };
    return checkpointLine(checkpoint) === text ? { kind: 'checkpoint', checkpoint } : { kind: 'unknown' };
  }
  const told = toldIn(value, text);
  return told === null ? { kind: 'unknown' } : { kind: 'record', told };
}

interface BlockFields {
  readonly first: number;
  readonly count: number;
  readonly mac: string;
}

interface CheckpointFields {
  readonly sequence: number;
  readonly at: string;
  readonly hash: string;
  readonly signature: string;
}

function toldIn(value: object, text: string): Told | null {
  const { hash, at, sequence: own, action, outcome, code, principal, keyring, versions, ...where }: Record<string, unknown> = { ...value };
  if (typeof hash !== 'string' || typeof at !== 'string' || typeof own !== 'number' || principal === undefined) return null;
  const { id, name }: Record<string, unknown> = principal === null ? { id: null, name: null } : { ...Object(principal) };
  const { instance, address, requestId, reason } = where;
  const fields = [Date.parse(at), action, outcome, code, id, name, keyring, versions, instance, address, requestId, reason];
  const written = JSON.stringify(fields);
  if (Buffer.byteLength(written) > MAX_RECORD_BYTES) return null;
  try {
    const record = decodeRecord(written, own);
    return recordLine(record, hash) === text ? { record, hash } : null;
  } catch {
    return null; // a field is missing or of another kind
  }
}

function parsed(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
