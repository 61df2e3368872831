import { KeyturnError } from '../../core/errors.ts';
import { isKeyringName } from '../../core/name.ts';
import { Secret } from '../../core/secret.ts';
import type { Millis } from '../../core/time.ts';
import type { MaterialNonce } from '../../core/version.ts';
import type { Random } from '../../ports/random.ts';
import type { CallOptions, MaterialEntry, MaterialRef, Page, Store } from '../../ports/store.ts';
import { type MasterKey, sameSecret, seal, unseal } from '../sealing.ts';
import type { Secrets } from './secrets.ts';
import { versionIdOf } from './version-id.ts';

export interface MaterialDeps {
  readonly secrets: Secrets;
  readonly random: Random;
  /** In front of `keyring/version/nonce`. */
  readonly prefix: string;
  /** Seals the material before AWS gets it; null = KMS alone does. */
  readonly masterKey: MasterKey | null;
  readonly load: Store['load'];
}

/** Questions before a "not found" counts as absence: AWS may not know yet what another replica stored a moment ago. */
const ABSENT_AFTER = 4;
const FIRST_PAUSE: Millis = 100;
const REF = /^([^/]+)\/(\d{1,15})\/([0-9a-f]{16})$/;
/** Of the references that were destroyed here so many are remembered. */
const REMEMBERED = 100_000;

/**
 * The material of each version in a secret of its own, named after keyring, version and nonce. AWS forgets the names of destroyed secrets, so
 * what must never come back is told by this process, by the document, and by nonces being drawn at random (docs/stores-aws.md).
 */
export class Material {
  readonly #deps: MaterialDeps;
  readonly #destroyed = new Set<string>();

  constructor(deps: MaterialDeps) {
    this.#deps = deps;
  }

  async put(ref: MaterialRef, material: Secret, options?: CallOptions): Promise<void> {
    const { secrets, prefix } = this.#deps;
    const name = `${prefix}${keyOf(ref)}`;
    if (await this.#isEnded(ref, options)) throw exists(ref);
    const outcome = await secrets.create(name, this.#write(material, ref), versionIdOf(name, 1), options);
    if (outcome === 'created') return;
    const kept = outcome === 'exists' ? await this.#find(ref, options) : undefined;
    if (kept === undefined || !sameSecret(kept, material)) throw exists(ref);
  }

  async get(ref: MaterialRef, options?: CallOptions): Promise<Secret | undefined> {
    return this.#destroyed.has(keyOf(ref)) ? undefined : this.#find(ref, options);
  }

  async destroy(ref: MaterialRef, options?: CallOptions): Promise<void> {
    const key = keyOf(ref);
    await this.#deps.secrets.destroy(`${this.#deps.prefix}${key}`, options);
    this.#destroyed.add(key);
    const [oldest] = this.#destroyed;
    if (oldest !== undefined && this.#destroyed.size > REMEMBERED) this.#destroyed.delete(oldest);
  }

  async page(after: string | null, limit: number, options?: CallOptions): Promise<Page<MaterialEntry, string>> {
    const { items, next } = await this.#deps.secrets.list(this.#deps.prefix, after, limit, options);
    const entries = items.map(({ name, createdAt }) => ({ ref: refIn(name.slice(this.#deps.prefix.length)), storedAt: createdAt }));
    return { items: entries.filter((entry): entry is MaterialEntry => entry.ref !== null && !this.#destroyed.has(keyOf(entry.ref))), next };
  }

  async #find(ref: MaterialRef, options: CallOptions | undefined): Promise<Secret | undefined> {
    const { secrets, prefix } = this.#deps;
    for (let asked = 1; ; asked++) {
      const value = await secrets.current(`${prefix}${keyOf(ref)}`, options);
      if (value !== undefined) return this.#read(value.text, ref);
      if (asked >= ABSENT_AFTER) return undefined;
      await secrets.calls.pause(FIRST_PAUSE * 2 ** (asked - 1), options);
    }
  }

  /** Destroyed here, or revoked or destroyed according to the document. */
  async #isEnded(ref: MaterialRef, options: CallOptions | undefined): Promise<boolean> {
    if (this.#destroyed.has(keyOf(ref))) return true;
    const stored = await this.#deps.load(ref.keyring, options);
    const version = stored?.keyring.versions.find(({ version, nonce }) => version === ref.version && nonce === ref.nonce);
    return version !== undefined && (version.destroyedAt !== null || version.revoked !== null);
  }

  #write(material: Secret, ref: MaterialRef): string {
    const { masterKey, random } = this.#deps;
    if (masterKey === null) return JSON.stringify({ keyturn: 1, key: material.reveal() });
    return JSON.stringify({ keyturn: 1, sealed: seal(material, ref, masterKey, random).toString('base64') });
  }

  #read(text: string, ref: MaterialRef): Secret {
    const { key, sealed } = fieldsOf(text);
    const { masterKey } = this.#deps;
    if (typeof key === 'string') return new Secret(key);
    if (typeof sealed === 'string' && masterKey !== null) return unseal(Buffer.from(sealed, 'base64'), ref, masterKey);
    throw new KeyturnError('corrupt_material', unreadable(ref, typeof sealed === 'string'));
  }
}

function keyOf({ keyring, version, nonce }: MaterialRef): string {
  return `${keyring}/${version}/${nonce}`;
}

function refIn(key: string): MaterialRef | null {
  const [, keyring = '', version, nonce] = REF.exec(key) ?? [];
  return isKeyringName(keyring) ? { keyring, version: Number(version), nonce: nonce as MaterialNonce } : null;
}

function fieldsOf(text: string): { readonly key?: unknown; readonly sealed?: unknown } {
  try {
    const fields: unknown = JSON.parse(text);
    return typeof fields === 'object' && fields !== null ? fields : {};
  } catch {
    return {};
  }
}

function unreadable({ keyring, version }: MaterialRef, sealed: boolean): string {
  const of = `The material of version ${version} of keyring ${keyring}`;
  return sealed
    ? `${of} is sealed with a master key and none is given. Give Keyturn the one it was sealed with.`
    : `${of} is not what Keyturn wrote. Restore it from a backup, or revoke the version.`;
}

function exists({ keyring, version }: MaterialRef): KeyturnError {
  return new KeyturnError(
    'material_exists',
    `Version ${version} of keyring ${keyring} has material under this reference already, or had it and it was destroyed. Store it under a new nonce.`,
  );
}
