import { KeyturnError } from '../../core/errors.ts';
import { isKeyringName, type KeyringName } from '../../core/name.ts';
import { Secret } from '../../core/secret.ts';
import type { MaterialNonce } from '../../core/version.ts';
import type { CallOptions, MaterialEntry, MaterialRef, Page } from '../../ports/store.ts';
import { sameSecret } from '../sealing.ts';
import { mapAtOnce } from './at-once.ts';
import type { Entries } from './entries.ts';

const FOLDER = 'material';
const LEAF = /^([1-9]\d{0,8})-([0-9a-f]{16})$/;
/** An entry that a document speaks of and a standby does not know yet. */
const SECOND_LOOKS = [50, 100];

export type Material = ReturnType<typeof materialIn>;

/**
 * Key material, one entry a version of a keyring, and one version of Vault in each: it is written with `cas` 0, which Vault takes once in an entry's
 * life. Destruction takes the bytes away and leaves the entry's metadata as the tombstone that refuses every later write.
 */
export function materialIn(entries: Entries) {
  const { kv } = entries;
  /** Entries that were found destroyed. They stay so, and need not be looked at again. */
  const destroyed = new Set<string>();

  async function put(ref: MaterialRef, material: Secret, options?: CallOptions): Promise<void> {
    const path = pathOf(ref);
    if ((await kv.write(path, { material: material.reveal() }, 0, { ...options, repeatable: true })) !== null) return;
    entries.advance(path, 1);
    const entry = await entries.read(path, options);
    if (entry.state !== 'held' || !sameSecret(material, secretIn(entry.data, ref))) throw exists(ref);
  }

  async function get(ref: MaterialRef, options?: CallOptions): Promise<Secret | undefined> {
    for (const pause of [...SECOND_LOOKS, null]) {
      const entry = await entries.read(pathOf(ref), options);
      if (entry.state === 'held') return secretIn(entry.data, ref);
      if (entry.state === 'gone' && !entry.destroyed) throw deletedByHand(ref);
      if (entry.state === 'gone') return undefined;
      if (pause !== null) await entries.pause(pause);
    }
    return undefined;
  }

  /** The empty write buries what never was, so that a put that is still on its way comes too late as well. */
  async function destroy(ref: MaterialRef, options?: CallOptions): Promise<void> {
    const path = pathOf(ref);
    await kv.write(path, {}, 0, { ...options, repeatable: true });
    await kv.destroyFirst(path, options);
  }

  /** Entries of one keyring that still hold something, those after a cursor. */
  async function heldIn(keyring: KeyringName, after: string | null, options?: CallOptions): Promise<MaterialEntry[]> {
    const leaves = (await kv.list(`${FOLDER}/${keyring}`, options)).filter((leaf) => LEAF.test(leaf)).sort();
    const refs = leaves.flatMap((leaf) => refOf(keyring, leaf)).filter((ref) => after === null || cursorOf(ref) > after);
    return (await mapAtOnce(refs, (ref) => look(ref, options))).flat();
  }

  async function look(ref: MaterialRef, options?: CallOptions): Promise<MaterialEntry[]> {
    const path = pathOf(ref);
    if (destroyed.has(path)) return [];
    const first = await kv.firstVersion(path, options);
    if (first?.held === false) destroyed.add(path);
    return first?.held ? [{ ref, storedAt: first.storedAt }] : [];
  }

  /** By keyring. A page asks Vault for the folder, for each keyring's entries, and for each entry that is not known to be destroyed. */
  async function page(after: string | null, limit: number, options?: CallOptions): Promise<Page<MaterialEntry, string>> {
    const folders = (await kv.list(FOLDER, options)).filter((name) => name.endsWith('/')).map((name) => name.slice(0, -1));
    const from = after?.split('/')[0] ?? '';
    const found: MaterialEntry[] = [];
    for (const keyring of folders.filter(isKeyringName).sort()) {
      if (keyring < from) continue;
      found.push(...(await heldIn(keyring, keyring === from ? after : null, options)));
      if (found.length > limit) break;
    }
    const items = found.slice(0, limit);
    const last = items.at(-1);
    return { items, next: found.length > limit && last !== undefined ? cursorOf(last.ref) : null };
  }

  return { put, get, destroy, page };
}

function pathOf(ref: MaterialRef): string {
  return `${FOLDER}/${cursorOf(ref)}`;
}

function cursorOf({ keyring, version, nonce }: MaterialRef): string {
  return `${keyring}/${version}-${nonce}`;
}

function refOf(keyring: KeyringName, leaf: string): MaterialRef[] {
  const [, version, nonce] = LEAF.exec(leaf) ?? [];
  return version === undefined || nonce === undefined ? [] : [{ keyring, version: Number(version), nonce: nonce as MaterialNonce }];
}

function secretIn(data: object, ref: MaterialRef): Secret {
  if ('material' in data && typeof data.material === 'string') return new Secret(data.material);
  throw new KeyturnError(
    'corrupt_material',
    `The entry of version ${ref.version} of keyring ${ref.keyring} in Vault holds no key. Restore it from a snapshot, or revoke the version.`,
  );
}

function exists({ keyring, version }: MaterialRef): KeyturnError {
  return new KeyturnError('material_exists', `Version ${version} of keyring ${keyring} has, or had, other material under this reference.`);
}

function deletedByHand({ keyring, version }: MaterialRef): KeyturnError {
  return new KeyturnError(
    'corrupt_material',
    `The material of version ${version} of keyring ${keyring} was deleted in Vault by other hands. Undelete it there, or revoke the version.`,
  );
}
