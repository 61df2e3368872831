import type { Database } from './database.ts';

/** What one caller wants written, and how it learns of the commit. */
interface Part {
  /** Does its work in the transaction that is open; its promise is settled by what this returns, once the commit is over. */
  readonly perform: () => () => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Commits the writes of one turn of the event loop together: a commit waits for the disk, and this thread with it, so many concurrent changes
 * may cost no more than one. Each is still all or nothing by itself: one that throws is undone alone.
 */
export class SharedCommits {
  readonly #database: Database;
  #parts: Part[] = [];

  constructor(database: Database) {
    this.#database = database;
  }

  /** Resolves when what the body wrote is durable. @throws what the body throws, or what kept the commit from happening */
  run<Result>(body: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      const perform = (): (() => void) => {
        try {
          const result = this.#database.transaction(body);
          return () => resolve(result);
        } catch (error) {
          return () => reject(error);
        }
      };
      if (this.#parts.length === 0) setImmediate(() => this.flush());
      this.#parts.push({ perform, fail: reject });
    });
  }

  /** Commits what waits now. */
  flush(): void {
    const parts = this.#parts;
    this.#parts = [];
    if (parts.length === 0) return;
    try {
      const settle = this.#database.transaction(() => parts.map(({ perform }) => perform()));
      for (const tell of settle) tell();
    } catch (error) {
      for (const { fail } of parts) fail(error);
    }
  }
}
