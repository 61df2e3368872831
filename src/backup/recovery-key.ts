import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { KeyturnError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { Random } from '../ports/random.ts';

/**
 * Backups are encrypted to a recipient (the public half, in the configuration) and opened with the recovery key (the private half, kept by people away
 * from the service): whoever makes backups cannot read them. Both are X25519, as text of a fixed prefix and 43 base64url characters.
 */
export interface RecoveryKeyPair {
  readonly recoveryKey: Secret;
  readonly recipient: string;
}

export const RECIPIENT_PATTERN = '^keyturn-recipient-[A-Za-z0-9_-]{43}$';

const RECIPIENT = /^keyturn-recipient-([A-Za-z0-9_-]{43})$/;
const RECOVERY_KEY = /^keyturn-recovery-([A-Za-z0-9_-]{43})$/;
const KEY_BYTES = 32;
/** RFC 8410: what stands before the raw key in DER. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

export function makeRecoveryKey(random: Random): RecoveryKeyPair {
  const raw = random.bytes(KEY_BYTES);
  const recoveryKey = new Secret(`keyturn-recovery-${raw.toString('base64url')}`);
  return { recoveryKey, recipient: recipientOf(privateKeyOf(raw)) };
}

/** @throws KeyturnError `invalid_config` */
export function parseRecoveryKey(text: Secret): KeyObject {
  const found = RECOVERY_KEY.exec(text.reveal().trim())?.[1];
  if (found !== undefined) return privateKeyOf(Buffer.from(found, 'base64url'));
  throw new KeyturnError(
    'invalid_config',
    'This is no recovery key: one begins with keyturn-recovery- and was written by: keyturn backup key --out FILE',
  );
}

/** @throws KeyturnError `invalid_config` */
export function parseRecipient(text: string): KeyObject {
  const found = RECIPIENT.exec(text)?.[1];
  if (found !== undefined) return publicKeyOf(Buffer.from(found, 'base64url'));
  throw new KeyturnError(
    'invalid_config',
    'This is no recipient: one begins with keyturn-recipient- and is printed by: keyturn backup key',
  );
}

/** The recipient that belongs to a private key. */
export function recipientOf(privateKey: KeyObject): string {
  return `keyturn-recipient-${rawPublicKey(createPublicKey(privateKey)).toString('base64url')}`;
}

export function privateKeyOf(raw: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, raw]), format: 'der', type: 'pkcs8' });
}

export function publicKeyOf(raw: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
}

/** The 32 bytes of an X25519 public key. */
export function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES);
}
