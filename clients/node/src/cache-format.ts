import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { KeyturnError } from './errors.ts';

/**
 * The bytes of the cache file, the same in every client (clients/vectors/README.md):
 * `KTCACHE1` ‖ salt ‖ text XOR HMAC-SHA-256 key stream ‖ HMAC-SHA-256 tag, under keys derived from the token, the service's URL and the keyring.
 */
const MAGIC = Buffer.from('KTCACHE1');
const SALT_BYTES = 32;
const TAG_BYTES = 32;
const HEAD_BYTES = MAGIC.length + SALT_BYTES;

/** Whose file it is. Another token, service or keyring opens nothing. */
export interface CacheOwner {
  readonly token: string;
  /** Without a slash at its end. */
  readonly url: string;
  readonly keyring: string;
}

interface CacheKeys {
  readonly encrypt: Buffer;
  readonly authenticate: Buffer;
}

/** @param salt 32 random bytes, new for each write */
export function sealCache(owner: CacheOwner, salt: Buffer, plaintext: Buffer): Buffer {
  const keys = keysOf(owner, salt);
  const body = Buffer.concat([MAGIC, salt, xorStream(keys, plaintext)]);
  return Buffer.concat([body, tagOf(keys, body)]);
}

/** @throws KeyturnError `bad_cache` where the file is not this owner's, or was changed */
export function openCache(owner: CacheOwner, file: Buffer): Buffer {
  const end = file.length - TAG_BYTES;
  if (end < HEAD_BYTES || !file.subarray(0, MAGIC.length).equals(MAGIC)) throw badCache();
  const keys = keysOf(owner, file.subarray(MAGIC.length, HEAD_BYTES));
  if (!timingSafeEqual(tagOf(keys, file.subarray(0, end)), file.subarray(end))) throw badCache();
  return xorStream(keys, file.subarray(HEAD_BYTES, end));
}

function keysOf({ token, url, keyring }: CacheOwner, salt: Buffer): CacheKeys {
  const bytes = Buffer.from(hkdfSync('sha256', token, salt, `keyturn cache v1\n${url}\n${keyring}`, 64));
  return { encrypt: bytes.subarray(0, 32), authenticate: bytes.subarray(32) };
}

function xorStream({ encrypt }: CacheKeys, text: Buffer): Buffer {
  const out = Buffer.alloc(text.length);
  const counter = Buffer.alloc(8);
  for (let at = 0; at < text.length; at += 32) {
    counter.writeBigUInt64BE(BigInt(at / 32));
    const block = createHmac('sha256', encrypt).update(counter).digest();
    for (let index = at; index < Math.min(at + 32, text.length); index++) out[index] = (text[index] ?? 0) ^ (block[index - at] ?? 0);
  }
  return out;
}

function tagOf({ authenticate }: CacheKeys, body: Buffer): Buffer {
  return createHmac('sha256', authenticate).update(body).digest();
}

export function badCache(): KeyturnError {
  return new KeyturnError(
    'bad_cache',
    'The cache file is damaged, or was written with another token or for another service: it is not used.',
  );
}
