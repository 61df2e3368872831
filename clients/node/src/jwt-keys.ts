import { KeyturnError } from './errors.ts';
import type { KeySource } from './live-secrets.ts';
import type { Key } from './snapshot.ts';

export interface JwtOptions {
  /** The version that verifies tokens without a `kid`: those from before the keyring. Default none: they are refused. */
  readonly withoutKid?: number;
}

/** The header of a token, not verified yet. */
export interface JwtHeader {
  readonly alg?: string | undefined;
  readonly kid?: string | undefined;
}

/** Seconds between two requests that unknown key ids can cause. */
const COOLDOWN_SECONDS = 30;

/** The key id of a version: its number, as in the other clients, so that they verify each other's tokens. */
export function kidOf({ version }: Key): string {
  return String(version);
}

/**
 * The key that a token's header names. A key that is not here may have been published a moment ago: then the service is asked, once in 30 s.
 * @throws KeyturnError `unknown_key`; as `snapshot`
 */
export async function keyFor(keys: KeySource, { alg, kid }: JwtHeader, { withoutKid }: JwtOptions): Promise<Key> {
  if (alg === undefined || !/^HS(?:256|384|512)$/.test(alg)) throw unknownKey();
  const version = kid === undefined ? withoutKid : versionOf(kid);
  if (version === undefined) throw unknownKey();
  const held = keys.snapshot().find(version);
  if (held !== null) return held;
  await keys.refreshUnlessFresh(COOLDOWN_SECONDS);
  const fetched = keys.snapshot().find(version);
  if (fetched === null) throw unknownKey();
  return fetched;
}

function versionOf(kid: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(kid) ? Number(kid) : undefined;
}

function unknownKey(): KeyturnError {
  return new KeyturnError('unknown_key', 'The token names no key of this keyring that may verify (any more).');
}
