import { KeyturnError } from '../core/errors.ts';
import type { Keyring } from '../core/keyring.ts';
import type { KeyringName } from '../core/name.ts';
import type { Secret } from '../core/secret.ts';
import type { Instant, Millis } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import type { ChangeCursor, ChangeFeed, Revision, Store, Stored } from '../ports/store.ts';

/** A moment on both clocks. An age is the larger of the two differences, so that a wall clock set back never makes a copy look younger. */
export interface Moment {
  readonly wall: Instant;
  readonly uptime: Millis;
}

/** This replica's copy of a document, with the material it has needed so far. */
export interface Copy extends Stored {
  /** By material nonce: survives a new revision of the document, so that an outage never takes away what was held. */
  readonly materials: Map<string, Secret>;
  readonly loadedAt: Moment;
}

export interface CopiesDeps {
  readonly store: Store;
  readonly feed: ChangeFeed;
  readonly clock: Clock;
}

/**
 * What this replica knows of the store. Reads are answered from here; one question a second to the change feed (`validate`) proves all copies
 * true at once. While the store is silent the proof grows old and the leases that it backs shrink.
 *
 * An older answer of the store never replaces a newer one: whatever changes a name bumps its generation, and a load that began before
 * is discarded and repeated. A copy that the feed called changed and that could not be loaded again (a damaged document) keeps the proof it had:
 * its lease shrinks, those of the others do not.
 */
export class Copies {
  readonly #deps: CopiesDeps;
  readonly #copies = new Map<KeyringName, Copy>();
  readonly #loads = new Map<KeyringName, Promise<Copy | undefined>>();
  readonly #generations = new Map<KeyringName, number>();
  readonly #listeners: ((name: KeyringName) => void)[] = [];
  /** Copies known to be outdated, with the last moment at which each was proved true. */
  readonly #outdated = new Map<KeyringName, Moment | null>();
  #cursor: ChangeCursor | null = null;
  #validatedAt: Moment | null = null;

  constructor(deps: CopiesDeps) {
    this.#deps = deps;
  }

  /** Calls back whenever the copy of a keyring was replaced by another document. */
  onChange(listener: (name: KeyringName) => void): void {
    this.#listeners.push(listener);
  }

  /** The copy at hand, without touching the store. */
  peek(name: KeyringName): Copy | undefined {
    return this.#copies.get(name);
  }

  /** The copy at hand, or the store's answer. Undefined = the store said that there is none. */
  async get(name: KeyringName): Promise<Copy | undefined> {
    return this.#copies.get(name) ?? (await this.reload(name));
  }

  /** Asks the store; callers at the same time share one question. */
  reload(name: KeyringName): Promise<Copy | undefined> {
    const running = this.#loads.get(name);
    if (running !== undefined) return running;
    const load = this.#load(name);
    this.#loads.set(name, load);
    return load;
  }

  /** How long ago the copy was last known to be true. */
  age(copy: Copy): Millis {
    const now = this.moment();
    const loaded = elapsed(copy.loadedAt, now);
    const proved = this.#provedAt(copy.keyring.name);
    return proved === null ? loaded : Math.min(loaded, elapsed(proved, now));
  }

  /** How long ago the store last answered the feed; null before the first answer. */
  silence(): Millis | null {
    return this.#validatedAt === null ? null : elapsed(this.#validatedAt, this.moment());
  }

  /**
   * This replica's own commit. Where the copy at hand is the one that was replaced, the new one takes its place without a question. Where the feed has
   * named the keyring meanwhile, it stays outdated: the feed may have meant a change after this one, and does not name it twice.
   * @param asked the moment before the swap was sent: somebody else may have replaced the document since
   */
  noteSwap(stored: Stored, replaced: Revision | null, asked: Moment): void {
    const { name } = stored.keyring;
    const held = this.#copies.get(name);
    this.#bump(name);
    if (held === undefined) return;
    if (held.revision === replaced) this.#replace(name, stored, asked);
    else this.reload(name).catch(() => undefined); // The feed names it again until a reload succeeds.
  }

  /** Now, on both clocks. */
  moment(): Moment {
    return { wall: this.#deps.clock.now(), uptime: this.#deps.clock.uptime() };
  }

  /**
   * Asks the feed what changed and reloads those copies; then every copy that could be reloaded is true as of the moment before the question.
   * @throws KeyturnError `store_unavailable` … where the feed does not answer: the copies stay, their age grows. Also the first failure to reload
   * a copy, which is tried again each time
   */
  async validate(): Promise<void> {
    const asked = this.moment();
    const { cursor, names } = await this.#deps.feed.changes(this.#cursor, { held: this.#copies.keys() });
    for (const name of names) this.#outdate(name);
    const reloads = await Promise.allSettled([...this.#outdated.keys()].map((name) => this.reload(name)));
    this.#cursor = cursor;
    this.#validatedAt = asked;
    const failed = reloads.find((reload) => reload.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #load(name: KeyringName): Promise<Copy | undefined> {
    try {
      for (;;) {
        const generation = this.#generation(name);
        const asked = this.moment();
        const stored = await this.#deps.store.load(name);
        if (generation !== this.#generation(name)) continue;
        if (stored !== undefined) {
          this.#outdated.delete(name);
          return this.#replace(name, stored, asked);
        }
        if (this.#copies.has(name)) throw vanished(name);
        return undefined;
      }
    } finally {
      // Here and not in a `finally` of the promise, which runs later: nobody may join a load that has its answer.
      this.#loads.delete(name);
    }
  }

  #provedAt(name: KeyringName): Moment | null {
    const proved = this.#outdated.get(name);
    return proved === undefined ? this.#validatedAt : proved;
  }

  #outdate(name: KeyringName): void {
    this.#bump(name);
    if (this.#copies.has(name) && !this.#outdated.has(name)) this.#outdated.set(name, this.#validatedAt);
  }

  #replace(name: KeyringName, stored: Stored, loadedAt: Moment): Copy {
    const old = this.#copies.get(name);
    const copy: Copy = { ...stored, materials: keepServed(stored.keyring, old?.materials), loadedAt };
    this.#copies.set(name, copy);
    if (old !== undefined && old.revision !== stored.revision) for (const listener of this.#listeners) listener(name);
    return copy;
  }

  #generation(name: KeyringName): number {
    return this.#generations.get(name) ?? 0;
  }

  #bump(name: KeyringName): void {
    this.#generations.set(name, this.#generation(name) + 1);
  }
}

/** By the clock that moved more; never negative. */
export function elapsed(from: Moment, to: Moment): Millis {
  return Math.max(to.wall - from.wall, to.uptime - from.uptime, 0);
}

/** The secrets of versions that may still be served; those of revoked and destroyed ones leave memory with the old copy. */
function keepServed(keyring: Keyring, materials: ReadonlyMap<string, Secret> = new Map()): Map<string, Secret> {
  const served = keyring.versions.filter(({ revoked, destroyedAt }) => revoked === null && destroyedAt === null);
  return new Map(
    served.flatMap(({ nonce }) =>
      [materials.get(nonce)].filter((secret) => secret !== undefined).map((secret) => [nonce, secret] as const),
    ),
  );
}

/** Documents are never removed, only marked: one that is gone was tampered with, or the store answered from somewhere else. */
function vanished(name: KeyringName): KeyturnError {
  return new KeyturnError(
    'store_unavailable',
    `The store no longer knows keyring ${name}, which it held before. Check that it is the right store.`,
  );
}
