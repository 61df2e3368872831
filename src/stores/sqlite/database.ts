import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { backup, DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { storeFailure } from './errors.ts';
import type { Row } from './row.ts';

/** Long enough for a predecessor that is just ending; short, because waiting blocks the process. */
const BUSY_TIMEOUT_MS = 250;

/**
 * The exclusive lock is taken by the first transaction and kept until the database is closed or the process ends, however it ends.
 * It also spares the shared-memory file. Deleted bytes are overwritten. The write-ahead log is moved into the database at 1 MB: reads wait meanwhile,
 * and so little takes two milliseconds.
 */
const PRAGMAS = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON;
  PRAGMA secure_delete = ON;
  PRAGMA wal_autocheckpoint = 250;
  PRAGMA trusted_schema = OFF;
  BEGIN IMMEDIATE;
  COMMIT;
`;

export function databasePath(dataDir: string): string {
  return join(dataDir, 'keyturn.db');
}

/** The one connection to the database of a data folder. Every failure is a KeyturnError of `errors.ts`. */
export class Database {
  readonly dataDir: string;
  readonly #sqlite: DatabaseSync;

  constructor(dataDir: string, sqlite: DatabaseSync) {
    this.dataDir = dataDir;
    this.#sqlite = sqlite;
  }

  exec(sql: string): void {
    this.attempt(() => this.#sqlite.exec(sql));
  }

  /** Keep what it returns and use it again. */
  prepare(sql: string): Statement {
    return new Statement(
      this,
      this.attempt(() => this.#sqlite.prepare(sql)),
    );
  }

  /** Commits what the body did, or undoes all of it when the body throws. Within another transaction it is a part of that one. */
  transaction<Result>(body: () => Result): Result {
    if (this.#isUnderWay) return this.#part(body);
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = body();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite itself has rolled back after some failures, a full disk among them
      if (this.#isUnderWay) this.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * A transaction whose commit does not wait for the disk. A crash of the machine may undo it, but never without every later one: the next
   * `transaction` that has committed has made it durable too.
   */
  unsynced<Result>(body: () => Result): Result {
    if (this.#isUnderWay) return this.#part(body);
    this.exec('PRAGMA synchronous = NORMAL');
    try {
      return this.transaction(body);
    } finally {
      this.exec('PRAGMA synchronous = FULL');
    }
  }

  get #isUnderWay(): boolean {
    return this.#sqlite.isOpen && this.#sqlite.isTransaction;
  }

  #part<Result>(body: () => Result): Result {
    this.exec('SAVEPOINT part');
    try {
      const result = body();
      this.exec('RELEASE part');
      return result;
    } catch (error) {
      if (this.#isUnderWay) this.exec('ROLLBACK TO part; RELEASE part');
      throw error;
    }
  }

  /**
   * A copy as of one moment in a new file, made while this connection goes on.
   * @param pages copied at once, during which this connection waits. Between two such steps a write by another connection makes it begin anew.
   */
  async copyTo(path: string, pages = 100): Promise<void> {
    try {
      await backup(this.#sqlite, path, { rate: pages });
    } catch (error) {
      throw storeFailure(error, this.dataDir);
    }
  }

  /** Harmless when closed already. */
  close(): void {
    if (this.#sqlite.isOpen) this.attempt(() => this.#sqlite.close());
  }

  attempt<Result>(action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      throw storeFailure(error, this.dataDir);
    }
  }
}

export class Statement {
  readonly #database: Database;
  readonly #statement: StatementSync;

  constructor(database: Database, statement: StatementSync) {
    this.#database = database;
    this.#statement = statement;
  }

  all(...values: SQLInputValue[]): Row[] {
    return this.#database.attempt(() => this.#statement.all(...values));
  }

  /** With values for the names (`:name`) in the statement. */
  allNamed(values: Readonly<Record<string, SQLInputValue>>): Row[] {
    return this.#database.attempt(() => this.#statement.all(values));
  }

  /** Runs to the end: a `get` of node:sqlite stops at the first row, and would hide a commit that fails after it. */
  first(...values: SQLInputValue[]): Row | undefined {
    return this.all(...values)[0];
  }

  /** @returns how many rows it changed */
  run(...values: SQLInputValue[]): number {
    return this.#database.attempt(() => Number(this.#statement.run(...values).changes));
  }
}

/**
 * Opens the database of a data folder, both made (0600 in 0700) where missing, and locks it against every other process.
 * @throws KeyturnError `store_locked`, `store_read_only`, `store_full`, `store_unavailable`
 */
export function openDatabase(dataDir: string): Database {
  let sqlite: DatabaseSync | undefined;
  try {
    prepareFile(dataDir);
    sqlite = new DatabaseSync(databasePath(dataDir), { timeout: BUSY_TIMEOUT_MS });
    sqlite.exec(PRAGMAS);
    return new Database(dataDir, sqlite);
  } catch (error) {
    sqlite?.close();
    throw storeFailure(error, dataDir);
  }
}

/**
 * An existing file is not opened here: closing it would take away the locks that another connection of this process holds on it
 * (https://sqlite.org/howtocorrupt.html, 2.2).
 */
function prepareFile(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = databasePath(dataDir);
  if (!existsSync(path)) createFile(path);
  chmodSync(path, 0o600);
}

function createFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    // another process that starts at the same time was faster; the lock decides between the two
    if (!existsSync(path)) throw error;
  }
}
