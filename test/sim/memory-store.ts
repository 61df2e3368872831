import { dueAt } from '../../src/core/decide.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import type { Keyring } from '../../src/core/keyring.ts';
import type { KeyringName } from '../../src/core/name.ts';
import type { Secret } from '../../src/core/secret.ts';
import type { Instant } from '../../src/core/time.ts';
import type { ChangeCursor, DueEntry, MaterialEntry, MaterialRef, Page, Revision, Stored } from '../../src/ports/store.ts';

/** Whoever watches over the store. */
export interface Watch {
  committed(stored: Stored, before: Stored | null): void;
  destroyed(ref: MaterialRef): void;
}

/**
 * A store that keeps the port's contract, in memory and without waiting: each call is one atomic step. How long a call is under way, and whether
 * its answer arrives, is the matter of `line.ts`.
 */
export class MemoryStore {
  readonly #documents = new Map<KeyringName, Stored>();
  readonly #materials = new Map<string, { readonly entry: MaterialEntry; readonly secret: Secret }>();
  readonly #destroyed = new Set<string>();
  readonly #feed: KeyringName[] = [];
  readonly #now: () => Instant;
  readonly #watch: Watch;

  constructor(now: () => Instant, watch: Watch) {
    this.#now = now;
    this.#watch = watch;
  }

  load(name: KeyringName): Stored | undefined {
    return this.#documents.get(name);
  }

  swap(keyring: Keyring, expected: Revision | null): Revision | null {
    const before = this.#documents.get(keyring.name) ?? null;
    if ((before?.revision ?? null) !== expected) return null;
    const stored: Stored = { keyring, revision: `r${this.#feed.length + 1}` as Revision };
    this.#documents.set(keyring.name, stored);
    this.#feed.push(keyring.name);
    this.#watch.committed(stored, before);
    return stored.revision;
  }

  page(after: KeyringName | null, limit: number): Page<KeyringName, KeyringName> {
    const names = [...this.#documents.keys()].sort().filter((name) => after === null || name > after);
    return { items: names.slice(0, limit), next: names.length > limit ? (names[limit - 1] ?? null) : null };
  }

  putMaterial(ref: MaterialRef, secret: Secret): void {
    const key = keyOf(ref);
    const held = this.#materials.get(key)?.secret;
    if (this.#destroyed.has(key) || (held !== undefined && held !== secret)) {
      throw new KeyturnError('material_exists', 'There is other material under this reference, or there was.');
    }
    if (held === undefined) this.#materials.set(key, { entry: { ref, storedAt: this.#now() }, secret });
  }

  getMaterial(ref: MaterialRef): Secret | undefined {
    return this.#materials.get(keyOf(ref))?.secret;
  }

  destroyMaterial(ref: MaterialRef): void {
    this.#materials.delete(keyOf(ref));
    this.#destroyed.add(keyOf(ref));
    this.#watch.destroyed(ref);
  }

  pageMaterial(): Page<MaterialEntry, string> {
    return { items: [...this.#materials.values()].map(({ entry }) => entry), next: null };
  }

  due(now: Instant): DueEntry[] {
    return [...this.#documents.values()].flatMap(({ keyring }) => {
      const at = dueAt(keyring);
      return at === null || at > now ? [] : [{ name: keyring.name, dueAt: at }];
    });
  }

  changes(since: ChangeCursor | null): { cursor: ChangeCursor; names: KeyringName[] } {
    const names = since === null ? [] : [...new Set(this.#feed.slice(Number(since)))];
    return { cursor: String(this.#feed.length) as ChangeCursor, names };
  }
}

function keyOf({ keyring, version, nonce }: MaterialRef): string {
  return `${keyring} ${version} ${nonce}`;
}
