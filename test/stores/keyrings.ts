import { type ChangeId, checkKeyring, type Keyring } from '../../src/core/keyring.ts';
import { type KeyringName, parseKeyringName } from '../../src/core/name.ts';
import { DEFAULT_POLICY } from '../../src/core/policy.ts';
import { Secret } from '../../src/core/secret.ts';
import { DAY, type Instant } from '../../src/core/time.ts';
import { create } from '../../src/core/transitions/create.ts';
import { rotate } from '../../src/core/transitions/rotate.ts';
import type { Context } from '../../src/core/transitions/transition.ts';
import { type MaterialNonce, SCHEDULER, type Version } from '../../src/core/version.ts';
import type { MaterialRef, Revision, Store, Stored } from '../../src/ports/store.ts';

export const T0: Instant = Date.parse('2026-01-15T10:20:30.457Z');

export const named = (text: string): KeyringName => parseKeyringName(text);

let drawn = 0;

/** A context whose change id and nonce are like no other's. */
export function context(now: Instant = T0): Context {
  const draw = (++drawn).toString(16).padStart(16, '0');
  const provenance = { origin: 'generated', generator: 'test', bytes: 32, encoding: 'hex', runtime: 'test', openssl: 'test' } as const;
  return { now, by: SCHEDULER, reason: 'a test', changeId: draw as ChangeId, draft: { nonce: draw as MaterialNonce, provenance } };
}

export function keyring(name: string, now: Instant = T0): Keyring {
  return create(null, named(name), DEFAULT_POLICY, 'created', context(now));
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

export function ref(keyring: string, version = 1, nonce: MaterialNonce = context().draft.nonce): MaterialRef {
  return { keyring: named(keyring), version, nonce };
}

/** Material that would be noticed in a message. */
export const MATERIAL_TEXT = 'c0ffee5ec2e7'.repeat(6).slice(0, 64);
export const material = (): Secret => new Secret(MATERIAL_TEXT);
export const otherMaterial = (): Secret => new Secret('0badcafe'.repeat(8));

/** Creates a document; fails when it exists. */
export async function createIn(store: Store, document: Keyring): Promise<Revision> {
  const revision = await store.swap(document, null);
  if (revision === null) throw new Error(`${document.name} exists`);
  return revision;
}

export async function loadFrom(store: Store, name: string): Promise<Stored> {
  const stored = await store.load(named(name));
  if (stored === undefined) throw new Error(`${name} is absent`);
  return stored;
}
