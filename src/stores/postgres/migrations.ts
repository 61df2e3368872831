import { KeyturnError } from '../../core/errors.ts';
import type { Ask, Connections } from './connections.ts';
import { numberOf } from './row.ts';

/** `keyturn` as two numbers: keeps our advisory locks apart from those of others. The second is the schema's. */
export const LOCK_CLASS = 0x6b657974;

/**
 * Each brings the schema from its index to the next number, which `meta` keeps. Never change one that was released: add another. `$S` is the
 * schema's quoted name.
 *
 * `changed_xid` is the transaction that last changed a row (documents.ts says what for). A destroyed material row stays as a tombstone without its
 * bytes. Names and nonces sort by their bytes, whatever the language of the database.
 */
const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE $S.keyrings (
  name text COLLATE "C" PRIMARY KEY,
  revision text NOT NULL,
  changed_xid xid8 NOT NULL,
  due_at bigint,
  document text NOT NULL
);
CREATE INDEX keyrings_due ON $S.keyrings (due_at, name) WHERE due_at IS NOT NULL;
CREATE INDEX keyrings_changed ON $S.keyrings (changed_xid);

CREATE TABLE $S.material (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  keyring text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  nonce text COLLATE "C" NOT NULL,
  stored_at bigint NOT NULL,
  destroyed_at bigint,
  sealed bytea,
  fingerprint bytea,
  UNIQUE (keyring, version, nonce),
  CHECK ((sealed IS NULL) = (destroyed_at IS NOT NULL))
);
CREATE INDEX material_fingerprints ON $S.material (fingerprint);

CREATE TABLE $S.tokens (
  id text COLLATE "C" PRIMARY KEY,
  created_at bigint NOT NULL,
  record text NOT NULL,
  revoked text,
  last_used_at bigint,
  changed_xid xid8 NOT NULL
);
CREATE INDEX tokens_created ON $S.tokens (created_at, id);
CREATE INDEX tokens_changed ON $S.tokens (changed_xid);
`,
  `
CREATE TABLE $S.audit_blocks (
  first bigint PRIMARY KEY,
  count integer NOT NULL,
  earliest bigint NOT NULL,
  latest bigint NOT NULL,
  actions bigint NOT NULL,
  outcomes bigint NOT NULL,
  head bytea NOT NULL,
  mac bytea NOT NULL,
  body bytea NOT NULL
);

CREATE TABLE $S.audit_head (
  id integer PRIMARY KEY CHECK (id = 1),
  sequence bigint NOT NULL,
  hash bytea NOT NULL,
  mac bytea NOT NULL
);

CREATE TABLE $S.audit_checkpoints (
  sequence bigint NOT NULL,
  at bigint NOT NULL,
  hash text NOT NULL,
  signature text NOT NULL,
  anchors boolean NOT NULL,
  PRIMARY KEY (sequence, anchors)
);

CREATE TABLE $S.audit_changes (
  keyring text COLLATE "C" PRIMARY KEY,
  changed_at bigint NOT NULL
);

CREATE TABLE $S.leases (
  keyring text COLLATE "C" NOT NULL,
  instance text COLLATE "C" NOT NULL,
  principal text COLLATE "C" NOT NULL,
  session text NOT NULL,
  address text NOT NULL,
  first_seen bigint NOT NULL,
  last_seen bigint NOT NULL,
  until bigint NOT NULL,
  others_until bigint NOT NULL,
  behind_until bigint NOT NULL,
  offered_id text NOT NULL,
  offered_at bigint NOT NULL,
  offered_current integer NOT NULL,
  offered_newest integer NOT NULL,
  held_id text,
  held_at bigint,
  held_current integer,
  held_newest integer,
  held_since bigint,
  PRIMARY KEY (keyring, instance, principal)
);

CREATE TABLE $S.lease_registry (
  id integer PRIMARY KEY CHECK (id = 1),
  complete_since bigint NOT NULL,
  alive_at bigint NOT NULL
);
`,
];

/** The schema that this code reads and writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/**
 * Makes what is missing; replicas that start at the same time take turns. Where nothing is missing, no right to create is needed.
 * @throws KeyturnError `invalid_config` where a newer Keyturn wrote the schema; as `errors.ts` says
 */
export async function migrate(connections: Connections, schema: string): Promise<void> {
  await connections.transaction(async (ask) => {
    await ask('SELECT pg_advisory_xact_lock($1, hashtext($2))', [LOCK_CLASS, schema]);
    const found = await versionOf(ask, schema);
    if (found > SCHEMA_VERSION) throw newer(connections.where, schema, found);
    if (found === SCHEMA_VERSION) return;
    if (found === 0) await begin(ask, schema);
    for (const sql of MIGRATIONS.slice(found)) await ask(sql.replaceAll('$S', quoted(schema)));
    await ask(`UPDATE ${quoted(schema)}.meta SET value = $1 WHERE name = 'schema_version'`, [String(SCHEMA_VERSION)]);
  });
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

async function versionOf(ask: Ask, schema: string): Promise<number> {
  const [{ there } = {}] = await ask("SELECT to_regclass(format('%I.meta', $1::text)) IS NOT NULL AS there", [schema]);
  if (there !== true) return 0;
  const [row] = await ask(`SELECT value FROM ${quoted(schema)}.meta WHERE name = 'schema_version'`);
  return numberOf(row ?? {}, 'value');
}

async function begin(ask: Ask, schema: string): Promise<void> {
  const [{ there } = {}] = await ask('SELECT to_regnamespace(quote_ident($1)) IS NOT NULL AS there', [schema]);
  if (there !== true) await ask(`CREATE SCHEMA ${quoted(schema)}`);
  await ask(`CREATE TABLE ${quoted(schema)}.meta (name text PRIMARY KEY, value text NOT NULL)`);
  await ask(`INSERT INTO ${quoted(schema)}.meta VALUES ('schema_version', '0')`);
}

function newer(where: string, schema: string, found: number): KeyturnError {
  return new KeyturnError(
    'invalid_config',
    `The schema ${schema} in PostgreSQL at ${where} was written by a newer Keyturn (${found}; this one knows ${SCHEMA_VERSION}). Start that one, or restore the backup made before the upgrade.`,
  );
}
