-- schema 2
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
CREATE TABLE fingerprints (
  id INTEGER PRIMARY KEY REFERENCES material (id),
  fingerprint BLOB NOT NULL
) STRICT;
CREATE INDEX fingerprints_found ON fingerprints (fingerprint);
