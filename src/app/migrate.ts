import { encodeKeyring } from '../core/codec.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Keyring } from '../core/keyring.ts';
import type { KeyringName } from '../core/name.ts';
import type { Secret } from '../core/secret.ts';
import { isLive, type Version } from '../core/version.ts';
import type { Counts } from '../ports/at-machine.ts';
import type { MoveMarks } from '../ports/move.ts';
import type { Random } from '../ports/random.ts';
import type { Revision, Store } from '../ports/store.ts';
import type { TokenRecord, TokenStore } from '../ports/tokens.ts';
import { materialRef } from './material.ts';
import { beginMove, requireArriving, requireUnderWay } from './move.ts';

/** One end of a move. */
export interface Side {
  readonly store: Store;
  readonly tokens: TokenStore;
  readonly move: MoveMarks;
  /** In words for an operator. */
  readonly place: string;
}

export interface MigrateDeps {
  readonly from: Side;
  readonly to: Side;
  readonly random: Random;
  /** Compares two keys in constant time. */
  readonly same: (one: Secret, other: Secret) => boolean;
  /** Makes the record of the old log durable, before the old store is given up. */
  readonly recordLeft: (counts: Counts) => Promise<void>;
  /** Makes the records of the new log durable, before the new store may be served from. Keyrings come by the page. */
  readonly recordArrived: (keyrings: readonly Keyring[]) => Promise<void>;
  /** Hears how many keyrings were copied so far. */
  readonly progress: (copied: number) => void;
}

const PAGE = 500;
const AT_ONCE = 8;

type Seen = ReadonlyMap<KeyringName, Revision>;

/**
 * Moves everything from one store to an empty one: fences the old one, copies, compares all of it, gives the old one up, and only then lets the new
 * one be served from. Each step can be repeated: run again after a crash it ends in the same place.
 * @returns null where that move was finished before
 * @throws KeyturnError `invalid_config` where the stores do not fit; `conflict` where the copy is not the same, or somebody writes;
 * `material_missing`, `corrupt_document`, `corrupt_material`; as the stores do
 */
export async function migrate(deps: MigrateDeps): Promise<Counts | null> {
  const { from, to } = deps;
  const mark = await beginMove(deps);
  if (mark === null) return null;
  // where the store itself keeps writers out, what was compared before it was given up is still so, and it cannot be read any more
  if (mark.phase === 'leaving' || !from.move.fences) {
    const seen = await copyAll(deps);
    await copyTokens(deps);
    await deps.recordLeft(await compareAll(deps, seen));
    await requireUnderWay(from, mark.id);
    await from.move.write({ ...mark, phase: 'moved' });
    if (!from.move.fences) await lookAgain(deps, seen, () => from.move.write({ ...mark, phase: 'leaving' }));
  }
  const counts = await arrive(deps);
  await to.move.write({ id: mark.id, phase: 'arrived', other: from.place });
  return counts;
}

async function copyAll(deps: MigrateDeps): Promise<Seen> {
  const seen = new Map<KeyringName, Revision>();
  for await (const names of groupsOf(deps.from.store)) {
    await Promise.all(names.map(async (name) => seen.set(name, await copyKeyring(deps, name))));
    deps.progress(seen.size);
  }
  return seen;
}

/** Material first: a document never speaks of keys that are not there. @returns the revision that was copied */
async function copyKeyring({ from, to }: MigrateDeps, name: KeyringName): Promise<Revision> {
  const { keyring, revision } = await held(from, name);
  for (const version of keyring.versions) await copyVersion(from, to, keyring, version);
  const before = await to.store.load(name);
  if (before !== undefined && encodeKeyring(before.keyring) === encodeKeyring(keyring)) return revision;
  if (before !== undefined && from.move.fences) throw differs(name);
  if (before !== undefined) await requireArriving(to);
  const swapped = await to.store.swap(keyring, before?.revision ?? null);
  if (swapped !== null) return revision;
  await requireArriving(to);
  throw new KeyturnError('conflict', `Somebody else writes into ${to.place}. Stop what does, and run this again.`);
}

/** An ended version is buried in the new store too, so that it cannot come back there either. */
async function copyVersion(from: Side, to: Side, { name }: Keyring, version: Version): Promise<void> {
  const ref = materialRef(name, version);
  if (!isLive(version)) return to.store.destroyMaterial(ref);
  const material = await from.store.getMaterial(ref);
  if (material === undefined) throw missing(name, version);
  await to.store.putMaterial(ref, material);
}

async function copyTokens({ from, to }: MigrateDeps): Promise<void> {
  for await (const tokens of tokensOf(from.tokens)) {
    for (const token of tokens) {
      const before = await to.tokens.get(token.id);
      if (before === undefined) await to.tokens.insert(token);
      else if (before.revoked === null && token.revoked !== null) await to.tokens.revoke(token.id, token.revoked);
    }
  }
}

/** Reads all of both stores once more. @throws KeyturnError `conflict` at the first difference */
async function compareAll(deps: MigrateDeps, seen: Seen): Promise<Counts> {
  const { from, to } = deps;
  let [keyrings, keys] = [0, 0];
  for await (const names of groupsOf(from.store)) {
    const counted = await Promise.all(names.map((name) => compareKeyring(deps, name, seen.get(name))));
    keyrings += names.length;
    keys += counted.reduce((sum, count) => sum + count, 0);
  }
  if (keyrings !== (await countOf(groupsOf(to.store)))) throw new KeyturnError('conflict', `${to.place} holds keyrings of its own.`);
  return { keyrings, keys, tokens: await compareTokens(deps) };
}

/** @returns how many keys it has */
async function compareKeyring({ from, to, same }: MigrateDeps, name: KeyringName, revision: Revision | undefined): Promise<number> {
  const [old, copy] = await Promise.all([held(from, name), held(to, name)]);
  if (old.revision !== revision) throw changed(name);
  if (encodeKeyring(old.keyring) !== encodeKeyring(copy.keyring)) throw differs(name);
  const live = old.keyring.versions.filter(isLive);
  for (const version of live) {
    const ref = materialRef(name, version);
    const [one, other] = await Promise.all([from.store.getMaterial(ref), to.store.getMaterial(ref)]);
    if (one === undefined) throw missing(name, version);
    if (other === undefined || !same(one, other)) throw differs(name);
  }
  return live.length;
}

async function compareTokens({ from, to }: MigrateDeps): Promise<number> {
  let tokens = 0;
  for await (const page of tokensOf(from.tokens)) {
    for (const token of page) {
      const copy = await to.tokens.get(token.id);
      if (copy === undefined || meaningOf(copy) !== meaningOf(token)) {
        throw new KeyturnError('conflict', `Token ${token.id} is not the same in both stores. Run this again.`);
      }
    }
    tokens += page.length;
  }
  if (tokens !== (await countOf(tokensOf(to.tokens)))) throw new KeyturnError('conflict', `${to.place} holds tokens of its own.`);
  return tokens;
}

/** For a store that cannot keep writers out: what changed since it was compared would be lost. */
async function lookAgain({ from, to }: MigrateDeps, seen: Seen, takeBack: () => Promise<void>): Promise<void> {
  for await (const names of groupsOf(from.store)) {
    const stored = await Promise.all(names.map((name) => held(from, name)));
    const other = stored.find(({ keyring, revision }) => seen.get(keyring.name) !== revision);
    if (other === undefined) continue;
    await requireArriving(to);
    await takeBack();
    throw changed(other.keyring.name);
  }
}

/** Read from the new store: the old one may be closed for good. */
async function arrive({ to, recordArrived }: MigrateDeps): Promise<Counts> {
  let [keyrings, keys] = [0, 0];
  for await (const names of groupsOf(to.store)) {
    const group = (await Promise.all(names.map((name) => held(to, name)))).map(({ keyring }) => keyring);
    await recordArrived(group);
    keyrings += group.length;
    keys += group.reduce((sum, { versions }) => sum + versions.filter(isLive).length, 0);
  }
  return { keyrings, keys, tokens: await countOf(tokensOf(to.tokens)) };
}

async function held({ store, place }: Side, name: KeyringName) {
  const stored = await store.load(name);
  if (stored !== undefined) return stored;
  throw new KeyturnError('conflict', `${place} does not know keyring ${name}, which is listed. Run this again in a few minutes.`);
}

async function* groupsOf(store: Store): AsyncGenerator<readonly KeyringName[]> {
  for (let after: KeyringName | null = null; ; ) {
    const page: Awaited<ReturnType<Store['page']>> = await store.page(after, PAGE);
    for (let first = 0; first < page.items.length; first += AT_ONCE) yield page.items.slice(first, first + AT_ONCE);
    if (page.next === null) return;
    after = page.next;
  }
}

async function* tokensOf(tokens: TokenStore): AsyncGenerator<readonly TokenRecord[]> {
  for (let after: TokenRecord['id'] | null = null; ; ) {
    const page: Awaited<ReturnType<TokenStore['page']>> = await tokens.page(after, PAGE);
    yield page.items;
    if (page.next === null) return;
    after = page.next;
  }
}

async function countOf(groups: AsyncIterable<readonly unknown[]>): Promise<number> {
  let count = 0;
  for await (const group of groups) count += group.length;
  return count;
}

/** When it was last used may differ: not every store keeps it. */
function meaningOf({ lastUsedAt: _, id, name, hash, roles, keyrings, createdAt, createdBy, expiresAt, revoked }: TokenRecord): string {
  const acts = [createdBy, revoked && { at: revoked.at, by: revoked.by, reason: revoked.reason }];
  return JSON.stringify([id, name, hash, roles, keyrings, createdAt, expiresAt, ...acts.map((act) => act && Object.entries(act).sort())]);
}

function missing(name: KeyringName, { version }: Version): KeyturnError {
  return new KeyturnError(
    'material_missing',
    `The key of version ${version} of keyring ${name} is missing in the old store. Call the move off, revoke the version or restore it from a backup, and begin anew.`,
  );
}

function differs(name: KeyringName): KeyturnError {
  return new KeyturnError(
    'conflict',
    `Keyring ${name} is not the same in both stores. Call the move off, and begin anew into an empty store.`,
  );
}

function changed(name: KeyringName): KeyturnError {
  return new KeyturnError(
    'conflict',
    `Keyring ${name} was changed in the old store meanwhile: a service still runs on it. Nothing was cut over. Stop all of them, and run this again.`,
  );
}
