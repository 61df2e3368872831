import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { KeyturnError } from '../../core/errors.ts';
import type { Revision } from '../../ports/store.ts';

/** What AWS takes as the value of one secret, in bytes. */
export const MAX_VALUE_BYTES = 65_536;
/** Up to here a document stays plain JSON, for the people who look into their store. */
const PLAIN_BYTES = 16_384;
/** No document of ours is longer; a value that unpacks to more was not written by us. */
const LONGEST_TEXT = 16 * 1_048_576;
const FORMAT = 1;
const REVISION = /^(\d{1,15})-([0-9a-f]{12})$/;

/** Where a document stands among the versions of its secret. */
export interface Place {
  /** Counts the document's changes, from 1. */
  readonly count: number;
  /** Its writer's nonce, 12 hex characters: tells two writers of one count apart, also after a secret was deleted and made anew. */
  readonly tag: string;
}

export interface Cell extends Place {
  /** JSON. */
  readonly text: string;
}

export function revisionOf({ count, tag }: Place): Revision {
  return `${count}-${tag}` as Revision;
}

/** Null for what is no revision of this store. */
export function readRevision(revision: string): Place | null {
  const [, count, tag] = REVISION.exec(revision) ?? [];
  return count === undefined || tag === undefined ? null : { count: Number(count), tag };
}

/**
 * The text of a secret's value: `{"keyturn":1,"revision":"7-…","document":{…}}`, or with `"brotli":"…"` (base64) in place of a long document.
 * @throws KeyturnError `store_full`: too long even so
 */
export function writeValue(cell: Cell, secret: string): string {
  const value = textOf(cell);
  if (Buffer.byteLength(value) <= MAX_VALUE_BYTES) return value;
  throw new KeyturnError(
    'store_full',
    `The document in ${secret} outgrows the 64 KiB that AWS keeps in a secret. Nothing was changed. Move to a fresh keyring or token list, or to another store.`,
  );
}

/** How long the value of a document would be, at most. */
export function valueBytes(text: string): number {
  return Buffer.byteLength(textOf({ count: Number.MAX_SAFE_INTEGER, tag: '0'.repeat(12), text }));
}

function textOf(cell: Cell): string {
  const head = `{"keyturn":${FORMAT},"revision":"${revisionOf(cell)}"`;
  const plain = Buffer.byteLength(cell.text) <= PLAIN_BYTES;
  return plain ? `${head},"document":${cell.text}}` : `${head},"brotli":"${compressed(cell.text)}"}`;
}

/** @throws KeyturnError `corrupt_document` */
export function readValue(value: string, secret: string): Cell {
  const fields = fieldsOf(value);
  const place = typeof fields.revision === 'string' ? readRevision(fields.revision) : null;
  const text = textIn(fields);
  if (fields.keyturn === FORMAT && place !== null && text !== null) return { ...place, text };
  throw new KeyturnError(
    'corrupt_document',
    `The secret ${secret} is not one that Keyturn wrote, or a newer one wrote it. Restore it, or use another prefix.`,
  );
}

function textIn({ document, brotli }: Readonly<Record<string, unknown>>): string | null {
  if (typeof brotli === 'string') return unpacked(brotli);
  return typeof document === 'object' && document !== null ? JSON.stringify(document) : null;
}

function fieldsOf(value: string): Readonly<Record<string, unknown>> {
  try {
    const fields: unknown = JSON.parse(value);
    return typeof fields === 'object' && fields !== null ? { ...fields } : {};
  } catch {
    return {};
  }
}

function compressed(text: string): string {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 22 };
  return brotliCompressSync(text, { params }).toString('base64');
}

function unpacked(packed: string): string | null {
  try {
    return brotliDecompressSync(Buffer.from(packed, 'base64'), { maxOutputLength: LONGEST_TEXT }).toString('utf8');
  } catch {
    return null;
  }
}
