import { codeOf } from '../core/errors.ts';
import { type Keyring, liveVersions } from '../core/keyring.ts';
import type { KeyringName } from '../core/name.ts';
import type { Secret } from '../core/secret.ts';
import { reinstate, type Tombstones } from '../core/transitions/reinstate.ts';
import type { Version } from '../core/version.ts';
import type { Reinstated } from '../ports/at-machine.ts';
import type { MaterialRef, Store, Stored } from '../ports/store.ts';
import { type ChangeDeps, change, type Planned } from './change.ts';
import type { Asked } from './keyrings.ts';
import { generateKey, materialRef } from './material.ts';

/** Takes damaged entries out of the store, so that those of the backup can take their place. */
export interface Discard {
  document(name: KeyringName): void;
  material(ref: MaterialRef): void;
}

export interface ReinstateRequest extends Asked {
  readonly backup: Store;
  readonly tombstonesOf: (name: KeyringName) => Tombstones;
  readonly discard: Discard;
}

const PAGE = 500;

/**
 * Brings back what a store has lost and a backup still has. Nothing that the store knows is taken back: what it has stays, what ended stays ended. Can be
 * run again after a crash.
 * @param report is waited for
 * @throws KeyturnError when one of the stores does not answer; a keyring that cannot be read is an outcome
 */
export async function reinstateAll(deps: ChangeDeps, request: ReinstateRequest, report: (outcome: Reinstated) => unknown): Promise<void> {
  for (let after: KeyringName | null = null; ; ) {
    const page: Awaited<ReturnType<Store['page']>> = await request.backup.page(after, PAGE);
    for (const name of page.items) await report(await outcomeOf(deps, request, name));
    if (page.next === null) return;
    after = page.next;
  }
}

async function outcomeOf(deps: ChangeDeps, request: ReinstateRequest, name: KeyringName): Promise<Reinstated> {
  try {
    return await bringBack(deps, request, name);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'store_unavailable' || code === 'store_full' || code === 'store_read_only') throw error;
    return { name, outcome: 'failed', code };
  }
}

async function bringBack(deps: ChangeDeps, request: ReinstateRequest, name: KeyringName): Promise<Reinstated> {
  const backup = await request.backup.load(name);
  const held = await heldOf(deps.store, request, name);
  if (held !== undefined) return { name, outcome: 'kept', filled: await fill(deps.store, request, held.keyring) };
  if (backup === undefined) return { name, outcome: 'failed', code: 'keyring_not_found' };
  const tombstones = request.tombstonesOf(name);
  await fill(deps.store, request, withoutEnded(backup.keyring, tombstones));
  const done = await change(deps, {
    name,
    by: request.by,
    reason: request.reason,
    newKey: () => generateKey(deps.random, backup.keyring.policy),
    step: (stored, context) => planned(stored, () => reinstate(backup.keyring, tombstones, context)),
  });
  if (done.publishes === null) return { name, outcome: 'purged' };
  const ended = backup.keyring.versions.filter((version) => version.revoked === null && tombstones.ended(version));
  return { name, outcome: 'reinstated', current: done.publishes.version, ended: ended.map(({ version }) => version) };
}

function planned(stored: Stored | undefined, make: () => Keyring): Planned {
  if (stored !== undefined) return { keyring: stored.keyring, publishes: null };
  const keyring = make();
  return { keyring, publishes: liveVersions(keyring).at(-1) ?? null };
}

/** A document that cannot be read is as good as lost; what its rows of material tell is not. */
async function heldOf(store: Store, { discard }: ReinstateRequest, name: KeyringName): Promise<Stored | undefined> {
  try {
    return await store.load(name);
  } catch (error) {
    if (codeOf(error) !== 'corrupt_document') throw error;
    discard.document(name);
    return undefined;
  }
}

/** Material goes first: the document that refers to it comes after, and a crash between them leaves only what the next run finds there. */
async function fill(store: Store, request: ReinstateRequest, keyring: Keyring): Promise<number[]> {
  const filled: number[] = [];
  for (const version of liveVersions(keyring)) if (await fillOne(store, request, keyring, version)) filled.push(version.version);
  return filled;
}

async function fillOne(store: Store, { backup, discard }: ReinstateRequest, { name }: Keyring, version: Version): Promise<boolean> {
  const ref = materialRef(name, version);
  const held = await materialIn(store, ref);
  if (held !== undefined && held !== 'damaged') return false;
  const material = await materialIn(backup, ref);
  if (material === undefined || material === 'damaged') return false;
  if (held === 'damaged') discard.material(ref);
  await store.putMaterial(ref, material);
  return true;
}

async function materialIn(store: Store, ref: MaterialRef): Promise<Secret | 'damaged' | undefined> {
  try {
    return await store.getMaterial(ref);
  } catch (error) {
    if (codeOf(error) === 'corrupt_material') return 'damaged';
    throw error;
  }
}

function withoutEnded(keyring: Keyring, tombstones: Tombstones): Keyring {
  return { ...keyring, versions: keyring.versions.filter((version) => !tombstones.ended(version)) };
}
