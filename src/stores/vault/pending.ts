import type { Entries } from './entries.ts';

/** How many settled paths are remembered for cursors. Whoever comes with an older one looks at everything. */
const REMEMBERED = 4_096;

/**
 * Writes that were announced and may still land. One is settled when its entry was met at a later version: then it landed, or never will. Settling
 * is counted, so that a reader who was told of a pending path is told once more after it settled, whoever met the new version.
 */
export class Pending {
  readonly #entries: Entries;
  /** Names this process in cursors: another's count means nothing here. */
  readonly #owner: string;
  readonly #from = new Map<string, number>();
  #settled: string[] = [];
  /** How many settled before the first of `#settled`. */
  #dropped = 0;

  constructor(entries: Entries, owner: string) {
    this.#entries = entries;
    this.#owner = owner;
    entries.onAdvance((path, version) => this.#settle(path, version));
  }

  /** A greater `from` takes the place of a smaller one: who announced it had met the entry there. */
  note(path: string, from: number): void {
    if (this.#entries.met(path) <= from && (this.#from.get(path) ?? -1) < from) this.#from.set(path, from);
  }

  paths(): string[] {
    return [...this.#from.keys()];
  }

  /** For a cursor: what has settled so far. */
  mark(): string {
    return `${this.#owner}.${this.#dropped + this.#settled.length}`;
  }

  /** Null where that cannot be told. */
  settledSince(owner: string, count: string): readonly string[] | null {
    const start = Number(count) - this.#dropped;
    return owner === this.#owner && /^\d+$/.test(count) && start >= 0 ? this.#settled.slice(start) : null;
  }

  #settle(path: string, version: number): void {
    const from = this.#from.get(path);
    if (from === undefined || version <= from) return;
    this.#from.delete(path);
    this.#settled.push(path);
    if (this.#settled.length <= 2 * REMEMBERED) return;
    this.#dropped += this.#settled.length - REMEMBERED;
    this.#settled = this.#settled.slice(-REMEMBERED);
  }
}
