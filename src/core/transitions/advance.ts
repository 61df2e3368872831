import { KeyturnError } from '../errors.ts';
import type { Keyring } from '../keyring.ts';
import { promote, rolesOf } from './rotate.ts';
import { type Context, instantOfChange, requireActive } from './transition.ts';

/**
 * Lets the published next version sign now instead of at its planned activation: once it is proven (core/fleet.ts) that no instance can
 * meet it without holding it. The key that it replaces gets its grace from now on.
 * @param number the version that the proof is about
 * @throws KeyturnError `conflict` where this version does not wait for its activation (any more), `keyring_deleted`, `clock_behind`
 */
export function advance(keyring: Keyring, number: number, given: Context): Keyring {
  requireActive(keyring);
  const context = { ...given, now: instantOfChange(keyring, given.now) };
  const { current, next } = rolesOf(keyring, context.now);
  if (next?.version === number) return promote(keyring, current, next, context).keyring;
  throw new KeyturnError('conflict', `Version ${number} of keyring ${keyring.name} does not wait for its activation. Nothing was changed.`);
}
