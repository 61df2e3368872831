import type { ChangeCursor } from '../../ports/store.ts';

/** How many paths are remembered. Whoever comes with a cursor from before looks at everything. */
const REMEMBERED = 65_536;

/** What one process has heard of changes, in its own order: cursors are places in it, and mean nothing to another process. */
export class Trail {
  /** Names this process in its cursors. */
  readonly #owner: string;
  #paths: string[] = [];
  /** How many came before the first of `#paths`. */
  #before = 0;

  constructor(owner: string) {
    this.#owner = owner;
  }

  add(path: string): void {
    this.#paths.push(path);
    if (this.#paths.length > 2 * REMEMBERED) this.#forget(this.#paths.length - REMEMBERED);
  }

  /** Something was missed: no cursor from before can be answered. */
  gap(): void {
    this.#paths.push('');
    this.#forget(this.#paths.length);
  }

  /** The place after all that was heard so far. */
  mark(): ChangeCursor {
    return `${this.#owner}.${this.#before + this.#paths.length}` as ChangeCursor;
  }

  /** Null where that cannot be told. */
  since(cursor: ChangeCursor): readonly string[] | null {
    const [owner, place = ''] = cursor.split('.');
    const start = /^\d+$/.test(place) ? Number(place) - this.#before : -1;
    return owner === this.#owner && start >= 0 && start <= this.#paths.length ? this.#paths.slice(start) : null;
  }

  #forget(count: number): void {
    this.#before += count;
    this.#paths = this.#paths.slice(count);
  }
}
