import { dueAt } from '../core/decide.ts';
import { codeOf } from '../core/errors.ts';
import type { KeyringName } from '../core/name.ts';
import type { Instant } from '../core/time.ts';
import type { CallOptions, ChangeCursor, ChangeFeed, DueEntry, DueIndex, Store } from '../ports/store.ts';

/** How many documents are read at the same time, at the start and after many changes at once. */
const LOADS_AT_ONCE = 16;
const NAMES_A_PAGE = 1_000;

export type IndexedStore = Pick<Store, 'load' | 'page'> & ChangeFeed;

/**
 * A due index for stores that cannot keep one: every document is read once, at the first question; from then on the change feed says which
 * to read again. A pass of a sweep (a question that begins at the front) asks the feed first, so it sees every swap that returned before.
 */
export class MemoryDueIndex implements DueIndex {
  readonly #store: IndexedStore;
  readonly #dueAt = new Map<KeyringName, Instant>();
  /** Names whose document must be read (again). One stays here until it was, whatever fails in between. */
  readonly #stale = new Set<KeyringName>();
  #cursor: ChangeCursor | null = null;
  #sorted: readonly DueEntry[] | null = null;
  #refreshing: Promise<void> | null = null;

  constructor(store: IndexedStore) {
    this.#store = store;
  }

  /** @throws KeyturnError `store_unavailable` … when a document that may be due cannot be read */
  async due(now: Instant, after: DueEntry | null, limit: number, options?: CallOptions): Promise<readonly DueEntry[]> {
    if (after === null || this.#cursor === null) await this.#refresh(now, options);
    this.#sorted ??= [...this.#dueAt].map(([name, dueAt]) => ({ name, dueAt })).sort(compare);
    return this.#sorted.filter((entry) => entry.dueAt <= now && (after === null || compare(entry, after) > 0)).slice(0, limit);
  }

  /** Callers at the same time wait for the refresh under way, and then for one that began after they asked. */
  async #refresh(now: Instant, options?: CallOptions): Promise<void> {
    while (this.#refreshing !== null) await this.#refreshing.catch(() => undefined);
    this.#refreshing = this.#catchUp(now, options).finally(() => {
      this.#refreshing = null;
    });
    await this.#refreshing;
  }

  async #catchUp(now: Instant, options?: CallOptions): Promise<void> {
    const { cursor, names } = await this.#store.changes(this.#cursor, options);
    // The cursor comes first: what changes while the names are listed is in the next answer of the feed.
    if (this.#cursor === null) await this.#noteAll(options);
    for (const name of names) this.#stale.add(name);
    this.#cursor = cursor;
    await this.#readStale(now, options);
  }

  async #noteAll(options?: CallOptions): Promise<void> {
    for (let after: KeyringName | null = null, more = true; more; more = after !== null) {
      const page: Awaited<ReturnType<Store['page']>> = await this.#store.page(after, NAMES_A_PAGE, options);
      for (const name of page.items) this.#stale.add(name);
      after = page.next;
    }
  }

  async #readStale(now: Instant, options?: CallOptions): Promise<void> {
    const queue = [...this.#stale].values();
    const worker = async (): Promise<void> => {
      for (const name of queue) await this.#read(name, now, options);
    };
    const workers = await Promise.allSettled(Array.from({ length: Math.min(LOADS_AT_ONCE, this.#stale.size) }, worker));
    for (const { reason } of workers.filter((settled) => settled.status === 'rejected')) throw reason;
  }

  async #read(name: KeyringName, now: Instant, options?: CallOptions): Promise<void> {
    this.#note(name, await this.#dueAtOf(name, now, options));
    this.#stale.delete(name);
  }

  /** A document that cannot be read is due at once: the sweep then fails on it, and says so, where it would otherwise be forgotten. */
  async #dueAtOf(name: KeyringName, now: Instant, options?: CallOptions): Promise<Instant | null> {
    try {
      const stored = await this.#store.load(name, options);
      return stored === undefined ? null : dueAt(stored.keyring);
    } catch (error) {
      if (codeOf(error) === 'corrupt_document') return now;
      throw error;
    }
  }

  #note(name: KeyringName, dueAt: Instant | null): void {
    if ((this.#dueAt.get(name) ?? null) === dueAt) return;
    this.#sorted = null;
    if (dueAt === null) this.#dueAt.delete(name);
    else this.#dueAt.set(name, dueAt);
  }
}

/** By instant, then by the bytes of the name, which are ASCII. */
function compare(one: DueEntry, other: DueEntry): number {
  return one.dueAt - other.dueAt || (one.name < other.name ? -1 : Number(one.name > other.name));
}
