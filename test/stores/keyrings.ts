import type { Keyring } from '../../src/core/keyring.ts';
import { Secret } from '../../src/core/secret.ts';
import type { MaterialNonce } from '../../src/core/version.ts';
import type { MaterialRef, Revision, Store, Stored } from '../../src/ports/store.ts';
import { context, named } from '../support/keyrings.ts';

export * from '../support/keyrings.ts';

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
