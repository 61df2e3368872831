import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto';

/** A point of the chain: a record's sequence and its hash. */
export interface Head {
  /** 0 = before the first record. */
  readonly sequence: number;
  readonly hash: Uint8Array;
}

export const HASH_BYTES = 32;
/** Of each record's hash the block keeps so much, to name the one record that is wrong; the whole hash of its last record proves it. */
export const TAG_BYTES = 8;

/** What the first record is chained to. */
export const GENESIS: Head = { sequence: 0, hash: hash('sha256', 'keyturn audit chain v1', 'buffer') };

const PREFIX_BYTES = HASH_BYTES + 8;
/** A length of two bytes has no room for more. */
const LONGEST_RECORD = 2 ** 16 - 1;
/** What is hashed next. One for all: nothing here waits. */
const input = Buffer.alloc(PREFIX_BYTES + LONGEST_RECORD);

/**
 * The chain hash of a record: `SHA-256(hash of the record before · sequence as 8 bytes · the record's bytes)`. So it stands for all that came
 * before, and no record can be changed, removed, added or moved without changing every later hash.
 * @param record at most 65,535 bytes
 */
export function link(before: Head, record: Uint8Array): Head {
  const sequence = before.sequence + 1;
  input.set(before.hash, 0);
  input.writeUInt32BE(Math.floor(sequence / 2 ** 32), HASH_BYTES);
  input.writeUInt32BE(sequence >>> 0, HASH_BYTES + 4);
  input.set(record, PREFIX_BYTES);
  // a digest as a text costs a third of one as a buffer of its own
  const digest = hash('sha256', input.subarray(0, PREFIX_BYTES + record.length), 'binary');
  return { sequence, hash: Buffer.from(digest, 'latin1') };
}

/** Whoever lacks the key can forge the hashes of a block, not this: HMAC-SHA-256 over where the block begins and both its ends. */
export function blockMac(key: KeyObject, before: Head, after: Head): Buffer {
  return mac(key, 'block', before, after);
}

/** Proves where the log ends, so that blocks cannot be cut off its end. */
export function headMac(key: KeyObject, head: Head): Buffer {
  return mac(key, 'head', head, head);
}

export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function mac(key: KeyObject, label: string, before: Head, after: Head): Buffer {
  const text = `keyturn audit ${label} v1 ${before.sequence} ${hex(before.hash)} ${after.sequence} ${hex(after.hash)}`;
  return createHmac('sha256', key).update(text).digest();
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
