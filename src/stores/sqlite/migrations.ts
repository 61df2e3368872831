import { KeyturnError } from '../../core/errors.ts';
import type { Database } from './database.ts';
import { numberOf } from './row.ts';

/**
 * Each brings the schema from its index to the next number, which `PRAGMA user_version` keeps. Never change one that was released:
 * add another.
 *
 * `sealed` is apart from `material` for the sake of destruction. Its rows are only ever appended, and overwritten in place by zeros of the
 * same length: so SQLite never moves one, and leaves no copy behind. (Rows between others move when a page splits, and their old copies
 * stay in the gaps of the page, beyond the reach of secure_delete.)
 */
const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE meta (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE keyrings (
  name TEXT NOT NULL PRIMARY KEY,
  revision TEXT NOT NULL,
  sequence INTEGER NOT NULL UNIQUE,
  due_at INTEGER,
  document TEXT NOT NULL
) STRICT;

CREATE INDEX keyrings_due ON keyrings (due_at, name) WHERE due_at IS NOT NULL;

CREATE TABLE material (
  id INTEGER PRIMARY KEY,
  keyring TEXT NOT NULL,
  version INTEGER NOT NULL,
  nonce TEXT NOT NULL,
  stored_at INTEGER NOT NULL,
  destroyed_at INTEGER,
  UNIQUE (keyring, version, nonce)
) STRICT;

CREATE TABLE sealed (
  id INTEGER PRIMARY KEY REFERENCES material (id),
  bytes BLOB NOT NULL
) STRICT;

CREATE TABLE tokens (
  id TEXT NOT NULL PRIMARY KEY,
  created_at INTEGER NOT NULL,
  record TEXT NOT NULL,
  revoked TEXT,
  last_used_at INTEGER
) STRICT;

CREATE INDEX tokens_created ON tokens (created_at, id);
`,
  `
CREATE TABLE fingerprints (
  id INTEGER PRIMARY KEY REFERENCES material (id),
  fingerprint BLOB NOT NULL
) STRICT;

CREATE INDEX fingerprints_found ON fingerprints (fingerprint);
`,
];

/** The schema that this code reads and writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** @throws KeyturnError `invalid_config` where a newer Keyturn wrote the database; what the database throws */
export function migrate(database: Database): void {
  const found = schemaVersion(database);
  if (found > SCHEMA_VERSION) {
    throw new KeyturnError(
      'invalid_config',
      `The database in ${database.dataDir} was written by a newer Keyturn (schema ${found}; this one knows ${SCHEMA_VERSION}). Start that one, or restore the backup made before the upgrade.`,
    );
  }
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index >= found) database.transaction(() => database.exec(`${sql}PRAGMA user_version = ${index + 1};`));
  }
}

function schemaVersion(database: Database): number {
  return numberOf(database.prepare('PRAGMA user_version').first() ?? {}, 'user_version');
}
