import { type ChangeId, checkKeyring, type Keyring } from '../../src/core/keyring.ts';
import { type KeyringName, parseKeyringName } from '../../src/core/name.ts';
import { DEFAULT_POLICY, type Policy } from '../../src/core/policy.ts';
import { DAY, type Instant } from '../../src/core/time.ts';
import { create } from '../../src/core/transitions/create.ts';
import { rotate } from '../../src/core/transitions/rotate.ts';
import type { Context } from '../../src/core/transitions/transition.ts';
import { type MaterialNonce, SCHEDULER, type Version } from '../../src/core/version.ts';

export const T0: Instant = Date.parse('2026-01-15T10:20:30.457Z');

/** An instant as the tables write it: RFC 3339; the milliseconds may be left out. */
export const at = (iso: string): Instant => Date.parse(iso);

export const named = (text: string): KeyringName => parseKeyringName(text);

let drawn = 0;

/** A context whose change id and nonce are like no other's. */
export function context(now: Instant = T0): Context {
  const draw = (++drawn).toString(16).padStart(16, '0');
  const provenance = { origin: 'generated', generator: 'test', bytes: 32, encoding: 'hex', runtime: 'test', openssl: 'test' } as const;
  return { now, by: SCHEDULER, reason: 'a test', changeId: draw as ChangeId, draft: { nonce: draw as MaterialNonce, provenance } };
}

/** A keyring with its first version, made at the given instant. */
export function keyring(name: string, now: Instant = T0, policy: Policy = DEFAULT_POLICY): Keyring {
  return create(null, named(name), policy, 'created', context(now));
}

/** The same keyring after one more rotation, 40 days later. */
export function rotated(before: Keyring): Keyring {
  return rotate(before, 'scheduled', context(before.changed.at + 40 * DAY)).keyring;
}

/** The same keyring, its schedule to be looked at at the given instant; null = never. */
export function dueOn(before: Keyring, nextRotationAt: Instant | null): Keyring {
  return { ...before, nextRotationAt, changed: { ...before.changed, id: context().changeId } };
}

/** A keyring with a long past: so many destroyed versions before the one that signs. */
export function withPast(name: string, versions: number): Keyring {
  const [first] = keyring(name).versions;
  const number = (index: number): Version[] =>
    first === undefined
      ? []
      : [{ ...first, version: index + 1, ...(index < versions ? { verifyUntil: T0 + index, destroyedAt: T0 + index + 1 } : {}) }];
  return checkKeyring({ ...keyring(name), versions: Array.from({ length: versions + 1 }, (_, index) => number(index)).flat() });
}

/** Round numbers: a new version waits one hour, and a replaced one verifies for 25 hours more. Clocks agree to a minute; no schedule. */
export const ROUND_POLICY: Policy = {
  ...DEFAULT_POLICY,
  schedule: null,
  leaseSeconds: 3_540,
  tokenLifetimeSeconds: 86_400,
  skewSeconds: 60,
};
