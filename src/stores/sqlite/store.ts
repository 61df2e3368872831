import { KeyturnError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { CallOptions, ChangeDates, ChangeFeed, DueIndex, Store } from '../../ports/store.ts';
import type { Database } from './database.ts';
import type { Documents } from './documents.ts';
import type { MaterialRows } from './material.ts';
import { SharedCommits } from './shared-commits.ts';

export interface Rows {
  readonly documents: Documents;
  readonly material: MaterialRows;
}

/** The store port over one SQLite database. */
export function sqliteStore(database: Database, { documents, material }: Rows, clock: Clock): Store & DueIndex & ChangeFeed & ChangeDates {
  const checked = database.prepare(
    "INSERT INTO meta (name, value) VALUES ('checked_at', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
  );

  const commits = new SharedCommits(database);

  /** Turns a throw into a rejection, and refuses a call that was given up before it began: none can be given up later. */
  async function call<Result>(options: CallOptions | undefined, action: () => Result | Promise<Result>): Promise<Result> {
    const signal = options?.signal;
    if (signal?.aborted) throw new KeyturnError('store_unavailable', 'The call to the store was given up.', { cause: signal.reason });
    return action();
  }

  return {
    kind: 'sqlite',
    load: (name, options) => call(options, () => documents.load(name)),
    swap: (keyring, expected, options) => call(options, () => commits.run(() => documents.swap(keyring, expected))),
    page: (after, limit, options) => call(options, () => documents.page(after, limit)),
    changeDates: (after, limit, options) => call(options, () => documents.changeDates(after, limit)),
    due: (now, after, limit, options) => call(options, () => documents.due(now, after, limit)),
    changes: (since, options) => call(options, () => documents.changes(since)),
    putMaterial: (ref, secret, options) => call(options, () => material.put(ref, secret)),
    getMaterial: (ref, options) => call(options, () => material.get(ref)),
    destroyMaterial: (ref, options) => call(options, () => material.destroy(ref)),
    pageMaterial: (after, limit, options) => call(options, () => material.page(after, limit)),
    // a real write: a full or read-only disk answers reads as if nothing were wrong
    check: (options) => call(options, () => void checked.run(String(clock.now()))),
    close: () =>
      call(undefined, () => {
        commits.flush();
        database.close();
      }),
  };
}
