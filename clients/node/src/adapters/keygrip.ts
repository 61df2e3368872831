import { createHmac } from 'node:crypto';
import type { KeySource } from '../live-secrets.ts';
import { isEqual } from '../signed-value.ts';
import type { Key } from '../snapshot.ts';

export interface GripOptions {
  /** Default sha1, as keygrip's: what it signed goes on verifying. */
  readonly algorithm?: string;
  /** Default base64. */
  readonly encoding?: 'base64' | 'hex';
}

/** What `cookies`, cookie-session and Koa (`app.keys`) take in place of a Keygrip. */
export interface Grip {
  /** By the current key. */
  sign(data: string): string;
  verify(data: string, digest: string): boolean;
  /** -1 = no key signed it; 0 = it needs no new signature; more = it does. */
  index(data: string, digest: string): number;
}

/**
 * A Keygrip that follows the keyring. What `next` signed (by an instance that is ahead) is left as it is: only old keys are replaced.
 * Each call throws KeyturnError `lease_ended` when no key may be used any more.
 */
export function keygripOf(keys: KeySource, { algorithm = 'sha1', encoding = 'base64' }: GripOptions = {}): Grip {
  const sign = (data: string, { key }: Key): string =>
    createHmac(algorithm, key)
      .update(data)
      .digest(encoding)
      .replace(/[/+=]/g, (found) => REPLACED[found] ?? '');
  const index = (data: string, digest: string): number => {
    const snapshot = keys.snapshot();
    const found = snapshot.signingFirst.findIndex((key) => isEqual(digest, sign(data, key)));
    const signer = snapshot.signingFirst[found];
    return signer === undefined || snapshot.isOld(signer) ? found : 0;
  };
  return { sign: (data) => sign(data, keys.snapshot().current), verify: (data, digest) => index(data, digest) >= 0, index };
}

const REPLACED: Readonly<Record<string, string>> = { '/': '_', '+': '-' };
