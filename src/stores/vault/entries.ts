import { KeyturnError } from '../../core/errors.ts';
import type { Millis } from '../../core/time.ts';
import type { Timers } from '../../ports/clock.ts';
import type { CallOptions } from '../../ports/store.ts';
import type { Entry, KeyValues } from './kv.ts';

/** Pauses between readings of what may be the past: a standby lags by milliseconds, by seconds when it is in trouble. */
const PAUSES: readonly Millis[] = [50, 100, 200, 400, 800];

type Listener = (path: string, version: number) => void;

/**
 * Entries as they are now. Standbys may answer reads from a past of their own (OpenBao 2.5 and later, Vault Enterprise), so the greatest version
 * that this process has met of an entry is kept, and an answer from before it is asked for again: what was there once is never taken for absent.
 */
export class Entries {
  readonly kv: KeyValues;
  readonly #timers: Timers;
  readonly #met = new Map<string, number>();
  readonly #listeners: Listener[] = [];

  constructor(kv: KeyValues, timers: Timers) {
    this.kv = kv;
    this.#timers = timers;
  }

  /** Calls back when a version was met that is greater than any before. */
  onAdvance(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** The greatest version met; 0 = none. */
  met(path: string): number {
    return this.#met.get(path) ?? 0;
  }

  /** Paths met in a folder. */
  metIn(folder: string): string[] {
    return [...this.#met.keys()].filter((path) => path.startsWith(folder));
  }

  advance(path: string, version: number): void {
    if (version <= this.met(path)) return;
    this.#met.set(path, version);
    for (const listener of this.#listeners) listener(path, version);
  }

  /** @throws KeyturnError `store_unavailable`, also when Vault goes on answering from the past */
  async read(path: string, options?: CallOptions): Promise<Entry> {
    for (const pause of [...PAUSES, null]) {
      const entry = await this.kv.read(path, options);
      const version = versionOf(entry);
      if (version >= this.met(path)) {
        this.advance(path, version);
        return entry;
      }
      if (pause !== null) await this.pause(pause);
    }
    throw fromThePast();
  }

  /**
   * A write was refused because the entry is no longer at `version`. Looks until the answer shows what came after, so that who decides again does not
   * decide on the same past.
   */
  async lookBeyond(path: string, version: number, options?: CallOptions): Promise<void> {
    for (const pause of PAUSES.slice(0, 3)) {
      const entry = await this.kv.read(path, options);
      this.advance(path, versionOf(entry));
      if (versionOf(entry) > version) return;
      await this.pause(pause);
    }
  }

  pause(delay: Millis): Promise<void> {
    return new Promise((resolve) => this.#timers.after(delay, resolve));
  }
}

function versionOf(entry: Entry): number {
  return entry.state === 'absent' ? 0 : entry.version;
}

function fromThePast(): KeyturnError {
  return new KeyturnError(
    'store_unavailable',
    'Vault answers with less than it has answered before: a standby lags behind, or a snapshot was restored. After a restore, restart Keyturn; otherwise give it the address of the active node.',
  );
}
