import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import { KeyturnError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { Random } from '../ports/random.ts';
import type { MaterialRef } from '../ports/store.ts';

/** Bytes of a master key. */
export const MASTER_KEY_BYTES = 32;

const FORMAT = 1;
const FORMAT_LABEL = 'keyturn sealed material v1';
const KEY_ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES;

/** The key that seals the material of a store which does not do so itself. All its parts are derived; the raw bytes are not kept. */
export class MasterKey {
  /** 16 hex characters by which a store recognises its key. Tells nothing about the key. */
  readonly id: string;
  /** For AES-256-GCM. A KeyObject does not print itself. */
  readonly sealingKey: KeyObject;

  /** @param raw exactly `MASTER_KEY_BYTES` random bytes */
  constructor(raw: Uint8Array) {
    if (raw.length !== MASTER_KEY_BYTES) throw new KeyturnError('invalid_config', `A master key has ${MASTER_KEY_BYTES} bytes.`);
    this.id = derive(raw, 'keyturn master key id v1', KEY_ID_BYTES).toString('hex');
    this.sealingKey = createSecretKey(derive(raw, FORMAT_LABEL, MASTER_KEY_BYTES));
  }
}

/**
 * Seals material so that it opens only under the same master key and as the same entry: format, master-key id, nonce, text and tag.
 * The length depends on that of the material alone.
 */
export function seal(material: Secret, ref: MaterialRef, key: MasterKey, random: Random): Buffer {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.sealingKey, nonce).setAAD(boundTo(ref, key.id));
  const sealed = [cipher.update(material.reveal(), 'utf8'), cipher.final()];
  return Buffer.concat([Buffer.of(FORMAT), Buffer.from(key.id, 'hex'), nonce, ...sealed, cipher.getAuthTag()]);
}

/** @throws KeyturnError `corrupt_material`: changed, cut short, moved from another entry, or sealed under another key */
export function unseal(sealed: Uint8Array, ref: MaterialRef, key: MasterKey): Secret {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < HEADER_BYTES + TAG_BYTES || bytes[0] !== FORMAT) throw corrupt(ref);
  const keyId = bytes.toString('hex', 1, 1 + KEY_ID_BYTES);
  if (keyId !== key.id) throw corrupt(ref);
  try {
    return decrypt(bytes, ref, key);
  } catch {
    throw corrupt(ref);
  }
}

/** The id of the master key that sealed the bytes; null where they are no sealed material. */
export function sealedUnder(sealed: Uint8Array): string | null {
  if (sealed.length < HEADER_BYTES + TAG_BYTES || sealed[0] !== FORMAT) return null;
  return Buffer.from(sealed.subarray(1, 1 + KEY_ID_BYTES)).toString('hex');
}

/**
 * Recognises material without keeping it. Keyed, because many a key in use is weak: a plain hash of it could be reversed by trying. The key is one of the
 * store's own, which a change of the master key does not touch: material that was destroyed is still recognised.
 */
export function fingerprint(material: Secret, key: Secret): Buffer {
  return createHmac('sha256', key.reveal()).update(material.reveal(), 'utf8').digest();
}

/** Whether two secrets have the same text, in constant time for texts of one length. */
export function sameSecret(one: Secret, other: Secret): boolean {
  const [left, right] = [Buffer.from(one.reveal()), Buffer.from(other.reveal())];
  return left.length === right.length && timingSafeEqual(left, right);
}

function decrypt(bytes: Buffer, ref: MaterialRef, key: MasterKey): Secret {
  const nonce = bytes.subarray(1 + KEY_ID_BYTES, HEADER_BYTES);
  const cipher = createDecipheriv('aes-256-gcm', key.sealingKey, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundTo(ref, key.id)).setAuthTag(bytes.subarray(-TAG_BYTES));
  const text = Buffer.concat([cipher.update(bytes.subarray(HEADER_BYTES, -TAG_BYTES)), cipher.final()]);
  return new Secret(text.toString('utf8'));
}

/** JSON, because no two different entries write the same array. */
function boundTo({ keyring, version, nonce }: MaterialRef, keyId: string): Buffer {
  return Buffer.from(JSON.stringify([FORMAT_LABEL, keyring, version, nonce, keyId]));
}

function derive(raw: Uint8Array, label: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', raw, Buffer.alloc(0), label, bytes));
}

function corrupt({ keyring, version }: MaterialRef): KeyturnError {
  return new KeyturnError(
    'corrupt_material',
    `The material of version ${version} of keyring ${keyring} cannot be opened: it was changed or belongs to another entry. Restore it from a backup, or revoke the version.`,
  );
}
