import { codeOf, KeyturnError } from '../core/errors.ts';
import { grantableLease } from '../core/lease.ts';
import type { KeyringName } from '../core/name.ts';
import { nextChangeAt, type Roles } from '../core/roles.ts';
import type { Secret } from '../core/secret.ts';
import { type Instant, SECOND } from '../core/time.ts';
import { rolesOf } from '../core/transitions/rotate.ts';
import { requireActive } from '../core/transitions/transition.ts';
import type { Version } from '../core/version.ts';
import type { Clock } from '../ports/clock.ts';
import type { Holding } from '../ports/leases.ts';
import type { Revision, Store } from '../ports/store.ts';
import type { Copies, Copy } from './copies.ts';
import { materialRef } from './material.ts';
import type { Waiters } from './waiters.ts';

export interface ReadDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly copies: Copies;
  readonly waiters: Waiters;
}

export interface ServedKey {
  readonly version: Version;
  readonly material: Secret;
}

/** The keys of a keyring between two changes of their roles: what every answer in that time says, but for the lease. */
export interface KeySet {
  readonly name: KeyringName;
  readonly revision: Revision;
  /** Identifies the document and the roles; the same on every replica. */
  readonly etag: string;
  /** What an instance holds with this answer. */
  readonly holding: Holding;
  readonly current: ServedKey;
  /** Newest first. */
  readonly previous: readonly ServedKey[];
  readonly next: ServedKey | null;
  readonly refreshSeconds: number;
  /** The numbers of all versions above, `next` first. */
  readonly versions: readonly number[];
  /** When it was made, by this replica's clock. Its roles hold from then on: a clock that shows less was set back, and may show other ones. */
  readonly from: Instant;
  /** When the roles change by themselves; null = only by an act. */
  readonly until: Instant | null;
}

export interface Granted {
  readonly keys: KeySet;
  readonly leaseSeconds: number;
}

/** Serves the keys of keyrings from this replica's copies; nothing here touches the store once a keyring has been read. */
export class KeyReader {
  readonly #deps: ReadDeps;
  /** Held by the copy they were made from: a new copy means a new set. */
  readonly #sets = new WeakMap<Copy, KeySet>();
  readonly #assembling = new WeakMap<Copy, Promise<KeySet>>();

  constructor(deps: ReadDeps) {
    this.#deps = deps;
  }

  /** The answer without any waiting, where this replica holds all it needs; null sends the caller to `read`. */
  peek(name: KeyringName): Granted | null {
    const copy = this.#deps.copies.peek(name);
    if (copy === undefined) return null;
    const keys = this.#fresh(copy);
    if (keys === null) return null;
    const leaseSeconds = grantableLease(copy.keyring.policy, this.#deps.copies.age(copy));
    return leaseSeconds > 0 ? { keys, leaseSeconds } : null;
  }

  /**
   * @throws KeyturnError `keyring_not_found`, `keyring_deleted`, `store_unavailable`, `lease_exhausted` when the store has been silent for a whole lease
   */
  async read(name: KeyringName): Promise<Granted> {
    return this.peek(name) ?? (await this.#readThrough(name));
  }

  /** Fetches what the next answer needs, so that an outage that begins now takes nothing away. A failure is left to the read that meets it. */
  warm(name: KeyringName): void {
    this.read(name).catch(() => undefined);
  }

  /**
   * Holds the answer until it differs from `etag`, the seconds are over, the caller has gone, or the service drains.
   * @throws as `read`
   */
  async readWhenChanged(name: KeyringName, etag: string, waitSeconds: number, gone: AbortSignal): Promise<Granted> {
    const { clock, waiters } = this.#deps;
    const deadline = clock.uptime() + waitSeconds * SECOND;
    for (;;) {
      const granted = await this.read(name);
      // Replaced since it was made: whoever changed it has woken the waiters already, and would not wake this one.
      if (this.#deps.copies.peek(name)?.revision !== granted.keys.revision) continue;
      const left = deadline - clock.uptime();
      if (granted.keys.etag !== etag || left <= 0 || gone.aborted || waiters.draining) return granted;
      const untilChange = granted.keys.until === null ? left : Math.max(1, granted.keys.until - clock.now());
      await waiters.wait(name, Math.min(left, untilChange), gone);
    }
  }

  async #readThrough(name: KeyringName): Promise<Granted> {
    for (;;) {
      const copy = await this.#copyWithinLease(name);
      requireActive(copy.keyring);
      const keys = this.#fresh(copy) ?? (await this.#assembleOrReload(copy));
      if (keys === null) continue;
      // Replaced while its material was fetched: the age below would be that of its successor, and its lease too long.
      if (this.#deps.copies.peek(name) !== copy) continue;
      const leaseSeconds = grantableLease(copy.keyring.policy, this.#deps.copies.age(copy));
      if (leaseSeconds > 0) return { keys, leaseSeconds };
      throw leaseExhausted(name);
    }
  }

  async #copyWithinLease(name: KeyringName): Promise<Copy> {
    const { copies } = this.#deps;
    const held = await copies.get(name);
    if (held === undefined) throw keyringNotFound(name);
    if (grantableLease(held.keyring.policy, copies.age(held)) > 0) return held;
    const reloaded = await copies.reload(name).catch((cause: unknown) => {
      throw leaseExhausted(name, cause);
    });
    return reloaded ?? held;
  }

  /** The key set made from this copy, while its roles hold. */
  #fresh(copy: Copy): KeySet | null {
    if (copy.keyring.lifecycle.state !== 'active') return null;
    const keys = this.#sets.get(copy);
    if (keys === undefined) return null;
    const now = this.#deps.clock.now();
    return keys.from <= now && (keys.until === null || now < keys.until) ? keys : null;
  }

  /**
   * Null where the copy was replaced. A version may have been cut and destroyed since this replica heard of the document: it is asked for once before its
   * material is called missing.
   */
  async #assembleOrReload(copy: Copy): Promise<KeySet | null> {
    const { name } = copy.keyring;
    try {
      return await this.#assembled(copy);
    } catch (error) {
      if (codeOf(error) !== 'material_missing') throw error;
      const reloaded = await this.#deps.copies.reload(name);
      if (reloaded === undefined || reloaded.revision === copy.revision) throw error;
      return null;
    }
  }

  /** Thousands that were held until a change ask at once: they share the work. */
  #assembled(copy: Copy): Promise<KeySet> {
    const running = this.#assembling.get(copy);
    if (running !== undefined) return running;
    const assembled = this.#assemble(copy).finally(() => this.#assembling.delete(copy));
    this.#assembling.set(copy, assembled);
    return assembled;
  }

  async #assemble(copy: Copy): Promise<KeySet> {
    const { keyring, revision } = copy;
    const now = this.#deps.clock.now();
    const { current, previous, next } = rolesOf(keyring, now);
    const keys: KeySet = {
      name: keyring.name,
      revision,
      etag: etagOf(copy, { current, previous, next }),
      holding: holdingOf(copy, { current, next }),
      current: await this.#served(copy, current),
      previous: await Promise.all(previous.map((version) => this.#served(copy, version))),
      next: next === null ? null : await this.#served(copy, next),
      refreshSeconds: keyring.policy.refreshSeconds,
      versions: [next, current, ...previous].filter((version) => version !== null).map(({ version }) => version),
      from: now,
      until: nextChangeAt(keyring, now),
    };
    this.#sets.set(copy, keys);
    return keys;
  }

  async #served(copy: Copy, version: Version): Promise<ServedKey> {
    const held = copy.materials.get(version.nonce);
    if (held !== undefined) return { version, material: held };
    const material = await this.#deps.store.getMaterial(materialRef(copy.keyring.name, version));
    if (material === undefined) throw materialMissing(copy.keyring.name, version.version);
    copy.materials.set(version.nonce, material);
    return { version, material };
  }
}

/** An opaque validator that we can read ourselves: the change that made the document, and which versions are in which role. */
function etagOf({ keyring }: Copy, { current, previous, next }: Roles): string {
  return `"${keyring.changed.id}.${current.version}.${next?.version ?? 0}.${previous.length}"`;
}

function holdingOf({ keyring: { changed } }: Copy, { current, next }: Pick<Roles, 'current' | 'next'>): Holding {
  return { changeId: changed.id, changedAt: changed.at, current: current.version, newest: next?.version ?? current.version };
}

export function keyringNotFound(name: KeyringName): KeyturnError {
  return new KeyturnError(
    'keyring_not_found',
    `There is no keyring ${name}. An operator creates it with POST /v1/keyrings or: keyturn create ${name}`,
  );
}

function leaseExhausted(name: KeyringName, cause?: unknown): KeyturnError {
  return new KeyturnError(
    'lease_exhausted',
    `The store has not answered for a whole lease of keyring ${name}, so its keys may no longer be used. Bring the store back; the service recovers by itself.`,
    { cause, retryAfterSeconds: 5 },
  );
}

function materialMissing(name: KeyringName, version: number): KeyturnError {
  return new KeyturnError(
    'material_missing',
    `The store has no material for version ${version} of keyring ${name}. Rotate immediately, or restore a backup.`,
  );
}
