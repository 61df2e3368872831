import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { KeyturnError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { Instant } from '../core/time.ts';
import type { Checkpoint } from '../ports/audit.ts';
import type { Random } from '../ports/random.ts';
import { type Head, hex } from './chain.ts';

/**
 * The keys of one log, made with it and kept for its whole life, sealed under the master key. They are not derived from the master key:
 * so its rotation seals them anew and leaves the chain as it is.
 */
export interface AuditKeys {
  /** For HMAC-SHA-256 over blocks and head. */
  readonly mac: KeyObject;
  /** Ed25519, for checkpoints. */
  readonly signing: KeyObject;
  /** PEM (SubjectPublicKeyInfo): what a verifier needs of `signing`. */
  readonly publicKey: string;
}

const MAC_KEY_BYTES = 32;

/** New keys as one text, to be sealed. */
export function makeAuditKeys(random: Random): Secret {
  const { privateKey } = generateKeyPairSync('ed25519');
  const signing = privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
  return new Secret(JSON.stringify({ mac: random.bytes(MAC_KEY_BYTES).toString('base64'), signing }));
}

/** @throws KeyturnError `corrupt_material` where it is not what `makeAuditKeys` made */
export function readAuditKeys(text: Secret): AuditKeys {
  try {
    const { mac, signing } = JSON.parse(text.reveal()) as { mac: string; signing: string };
    const key = createPrivateKey({ key: Buffer.from(signing, 'base64'), format: 'der', type: 'pkcs8' });
    const publicKey = createPublicKey(key).export({ format: 'pem', type: 'spki' }).toString();
    return { mac: createSecretKey(Buffer.from(mac, 'base64')), signing: key, publicKey };
  } catch {
    throw new KeyturnError('corrupt_material', 'The keys of the audit log cannot be read. Restore the data folder from a backup.');
  }
}

export function signCheckpoint(head: Head, at: Instant, key: KeyObject): Checkpoint {
  const unsigned = { sequence: head.sequence, at, hash: hex(head.hash) };
  return { ...unsigned, signature: sign(null, statement(unsigned), key).toString('base64') };
}

/** @param publicKey PEM */
export function isSigned(checkpoint: Checkpoint, publicKey: string): boolean {
  try {
    const signature = Buffer.from(checkpoint.signature, 'base64');
    return signature.toString('base64') === checkpoint.signature && verify(null, statement(checkpoint), publicKey, signature);
  } catch {
    return false; // not a key
  }
}

/** What is signed, in words that no other signature of ours could mean. */
function statement({ sequence, at, hash }: Omit<Checkpoint, 'signature'>): Buffer {
  return Buffer.from(`keyturn audit checkpoint v1\n${sequence}\n${at}\n${hash}\n`);
}
