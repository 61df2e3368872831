import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { codeOf, KeyturnError } from '../../../core/errors.ts';
import { Database } from '../database.ts';
import { storeFailure } from '../errors.ts';

const BUSY_TIMEOUT_MS = 2_000;

/**
 * Written by one connection, read by another of the same process; `keyturn.db`, which is locked first, keeps other processes away. Every commit
 * is synced to disk before it returns. The write-ahead log is moved into the database at 1 MB, every some dozen commits: all answers wait for it, and so
 * little takes about a millisecond (64 MB took 30 to 60, which was the p99 of reads).
 */
const PRAGMAS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = 250;
  PRAGMA trusted_schema = OFF;
`;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS blocks (
  first INTEGER PRIMARY KEY,
  count INTEGER NOT NULL,
  earliest INTEGER NOT NULL,
  latest INTEGER NOT NULL,
  actions INTEGER NOT NULL,
  outcomes INTEGER NOT NULL,
  head BLOB NOT NULL,
  mac BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS head (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  sequence INTEGER NOT NULL,
  hash BLOB NOT NULL,
  mac BLOB NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS checkpoints (
  sequence INTEGER NOT NULL,
  at INTEGER NOT NULL,
  hash TEXT NOT NULL,
  signature TEXT NOT NULL,
  anchors INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (sequence, anchors)
) STRICT;

CREATE TABLE IF NOT EXISTS changes (
  keyring TEXT NOT NULL PRIMARY KEY,
  changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS keys (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  public TEXT NOT NULL
) STRICT;

PRAGMA user_version = 1;
`;

export function auditPath(dataDir: string): string {
  return join(dataDir, 'audit.db');
}

/**
 * Opens the audit database for writing; made (0600) where missing.
 * @throws KeyturnError as `storeFailure` says
 */
export function openAuditDatabase(path: string): Database {
  return opened(path, () => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (!existsSync(path)) closeSync(openSync(path, 'wx', 0o600));
    chmodSync(path, 0o600);
    const sqlite = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    sqlite.exec(PRAGMAS);
    sqlite.exec(SCHEMA);
    return sqlite;
  });
}

/**
 * SQLite makes files beside a database that it reads, and so must be allowed to.
 * @throws KeyturnError `store_read_only` where it is not; `invalid_config` where there is no log; else as `storeFailure` says
 */
export function openAuditForReading(path: string): Database {
  const folder = dirname(path);
  if (!existsSync(path)) throw new KeyturnError('invalid_config', `There is no audit log in ${folder}. Check the path.`);
  try {
    return opened(path, () => {
      const sqlite = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
      // opening alone looks at nothing
      sqlite.exec('SELECT count(*) FROM sqlite_schema');
      return sqlite;
    });
  } catch (cause) {
    if (codeOf(cause) !== 'store_read_only') throw cause;
    const message = `The audit log in ${folder} cannot be opened: reading it makes files beside it. Let the user that runs this write to the folder, or verify a copy.`;
    throw new KeyturnError('store_read_only', message, { cause });
  }
}

function opened(path: string, open: () => DatabaseSync): Database {
  const dataDir = dirname(path);
  try {
    return new Database(dataDir, open());
  } catch (error) {
    throw storeFailure(error, dataDir);
  }
}
