import { createCipheriv, createDecipheriv, createPublicKey, diffieHellman, hkdfSync, type KeyObject } from 'node:crypto';
import { KeyturnError } from '../core/errors.ts';
import type { Random } from '../ports/random.ts';
import { privateKeyOf, publicKeyOf, rawPublicKey } from './recovery-key.ts';

/**
 * The encrypted form of a backup: `MAGIC`, the public half of a key made for this backup alone (32 bytes), then chunks of 64 KiB, each AES-256-GCM with
 * its tag behind it. The key is HKDF-SHA-256 over the X25519 secret, salted with both public keys. A chunk's nonce is its number and whether it is the
 * last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár): none can be changed, moved, left out or cut off unseen.
 */
const MAGIC = Buffer.from('keyturn backup v1\n');
const CHUNK = 65_536;
const TAG = 16;
const PUBLIC_KEY = 32;
const LABEL = 'keyturn backup v1';

type Bytes = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Encrypts to a recipient, chunk by chunk. */
export async function* encrypt(plain: Bytes, recipient: KeyObject, random: Random): AsyncGenerator<Buffer> {
  const own = privateKeyOf(random.bytes(PUBLIC_KEY));
  const ownPublic = rawPublicKey(createPublicKey(own));
  const key = sharedKey(own, recipient, ownPublic, rawPublicKey(recipient));
  yield Buffer.concat([MAGIC, ownPublic]);
  let number = 0;
  for await (const { chunk, last } of chunks(plain, CHUNK)) yield sealChunk(key, number++, last, chunk);
}

/** @throws KeyturnError `corrupt_backup`: no backup, changed, cut short, or made for another recovery key */
export async function* decrypt(sealed: Bytes, recoveryKey: KeyObject): AsyncGenerator<Buffer> {
  const reader = new Reader(sealed);
  const head = await reader.take(MAGIC.length + PUBLIC_KEY);
  if (head.length < MAGIC.length + PUBLIC_KEY || !head.subarray(0, MAGIC.length).equals(MAGIC)) throw corrupt('it does not begin like one');
  const theirs = head.subarray(MAGIC.length);
  const key = sharedKey(recoveryKey, publicKeyOf(theirs), theirs, rawPublicKey(createPublicKey(recoveryKey)));
  let number = 0;
  for await (const { chunk, last } of chunks(reader, CHUNK + TAG)) yield openChunk(key, number++, last, chunk);
}

function sharedKey(privateKey: KeyObject, publicKey: KeyObject, ephemeral: Buffer, recipient: Buffer): Buffer {
  const secret = diffieHellman({ privateKey, publicKey });
  return Buffer.from(hkdfSync('sha256', secret, Buffer.concat([ephemeral, recipient]), LABEL, 32));
}

function sealChunk(key: Buffer, number: number, last: boolean, chunk: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number, last));
  return Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()]);
}

function openChunk(key: Buffer, number: number, last: boolean, chunk: Buffer): Buffer {
  if (chunk.length < TAG) throw corrupt('it is cut short');
  const cipher = createDecipheriv('aes-256-gcm', key, nonceOf(number, last), { authTagLength: TAG }).setAuthTag(chunk.subarray(-TAG));
  try {
    return Buffer.concat([cipher.update(chunk.subarray(0, -TAG)), cipher.final()]);
  } catch {
    throw corrupt('it was changed or cut short, or was made for another recovery key');
  }
}

function nonceOf(number: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(number, 5, 6);
  nonce.writeUInt8(last ? 1 : 0, 11);
  return nonce;
}

/** The bytes in pieces of one size; only the last is shorter, and it may be empty. */
async function* chunks(source: Bytes, size: number): AsyncGenerator<{ readonly chunk: Buffer; readonly last: boolean }> {
  const reader = source instanceof Reader ? source : new Reader(source);
  for (let chunk = await reader.take(size), last = false; !last; ) {
    const following = chunk.length < size ? Buffer.alloc(0) : await reader.take(size);
    last = following.length === 0;
    yield { chunk, last };
    chunk = following;
  }
}

/** Reads a stream in pieces of wanted sizes. */
class Reader implements AsyncIterable<Uint8Array> {
  readonly #source: AsyncIterator<Uint8Array>;
  #held = Buffer.alloc(0);

  constructor(source: Bytes) {
    this.#source = toAsync(source);
  }

  /** So many bytes, or what is left. */
  async take(size: number): Promise<Buffer> {
    const parts = [this.#held];
    let length = this.#held.length;
    while (length < size) {
      const { value, done } = await this.#source.next();
      if (done === true) break;
      parts.push(Buffer.from(value));
      length += value.length;
    }
    const all = Buffer.concat(parts);
    this.#held = all.subarray(size);
    return all.subarray(0, size);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (let bytes = await this.take(CHUNK); bytes.length > 0; bytes = await this.take(CHUNK)) yield bytes;
  }
}

async function* toAsync(source: Bytes): AsyncGenerator<Uint8Array> {
  yield* source;
}

function corrupt(why: string): KeyturnError {
  return new KeyturnError(
    'corrupt_backup',
    `This backup cannot be opened: ${why}. Take another copy, and the recovery key that belongs to it.`,
  );
}
