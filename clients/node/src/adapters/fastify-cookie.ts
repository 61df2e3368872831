import type { KeySource } from '../live-secrets.ts';
import { openValue, signValue } from '../signed-value.ts';

/** What a signer of @fastify/cookie says of a signed cookie. */
export type Unsigned =
  | { readonly valid: true; readonly renew: boolean; readonly value: string }
  | { readonly valid: false; readonly renew: false; readonly value: null };

export interface Signer {
  sign(value: string): string;
  /** `renew`: an old key signed it. Set the cookie again, signed. */
  unsign(signed: string): Unsigned;
}

/**
 * A signer for @fastify/cookie and @fastify/session that follows the keyring.
 *
 *     await app.register(fastifyCookie, { secret: fastifySigner(keys) });
 *
 * An array of secrets would not do: @fastify/cookie keeps signing with the key that was first at the start.
 * Each call throws KeyturnError `lease_ended` (status 503) when no key may be used any more.
 */
export function fastifySigner(keys: KeySource, algorithm = 'sha256'): Signer {
  return {
    sign: (value) => signValue(value, keys.snapshot().current, algorithm),
    unsign(signed) {
      const snapshot = keys.snapshot();
      const opened = openValue(signed, snapshot, algorithm);
      if (opened === null) return { valid: false, renew: false, value: null };
      return { valid: true, renew: snapshot.isOld(opened.key), value: opened.value };
    },
  };
}
