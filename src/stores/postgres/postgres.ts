import { type AuditKeys, makeAuditKeys, readAuditKeys } from '../../audit/keys.ts';
import type { LedgerReader, LedgerWriter } from '../../audit/ledger.ts';
import type { SpoolReceiver } from '../../audit/spool.ts';
import { KeyturnError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Millis } from '../../core/time.ts';
import type { Clock, Timers } from '../../ports/clock.ts';
import type { MoveMarks } from '../../ports/move.ts';
import type { Random } from '../../ports/random.ts';
import type { FingerprintIndex } from '../../ports/store.ts';
import { parseMasterKey } from '../master-key.ts';
import type { MasterKey } from '../sealing.ts';
import { readAddress } from './address.ts';
import { postgresLedgerReader } from './audit/reader.ts';
import { postgresSpools } from './audit/spools.ts';
import { type LedgerPlace, openPostgresLedger } from './audit/writer.ts';
import { adoptForeign } from './changes.ts';
import { CALL_LIMIT, Connections, nameOfSessions } from './connections.ts';
import { openSharedRegistry, type SharedRegistry } from './lease-registry.ts';
import { migrate, quoted } from './migrations.ts';
import { moveMarksIn } from './move.ts';
import { Notices } from './notices.ts';
import { textOf } from './row.ts';
import { sealedText } from './sealed-texts.ts';
import { type PostgresStore, postgresStore } from './store.ts';
import { type PostgresTokens, postgresTokens } from './tokens.ts';

export interface PostgresOptions {
  /** As `readAddress` takes it. */
  readonly url: Secret;
  /** Everything lives in this schema; made where missing. */
  readonly schema: string;
  /** Connections for calls, at least 2; one more listens, and those of the audit thread come to them (audit/worker.ts). */
  readonly poolSize: number;
  /** Certificate authorities in PEM; null = the system's. */
  readonly caFile: string | null;
  /** The same for all replicas. */
  readonly masterKey: Secret;
  /** How long a call may take. Default: 5 s. */
  readonly timeout?: Millis;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

/** The audit log and the leases of all replicas, written in the same commits. */
export interface PostgresLog {
  readonly writer: LedgerWriter;
  readonly reader: LedgerReader;
  readonly registry: SharedRegistry;
  /** Takes what a replica recorded on its own disk meanwhile. */
  readonly spools: SpoolReceiver;
}

/** Everything that one schema keeps. Any number of processes may have it open. */
export interface Postgres {
  readonly store: PostgresStore;
  readonly fingerprints: FingerprintIndex;
  readonly tokens: PostgresTokens;
  /** The audit log's keys: made with the schema, sealed under its master key. */
  readonly auditKeys: AuditKeys;
  readonly log: PostgresLog;
  readonly notices: Notices;
  readonly move: MoveMarks;
  /** For what else lives in this schema. */
  readonly connections: Connections;
  /** Ends all parts. Harmless a second time. */
  close(): Promise<void>;
}

/** Opens what writes the log of a schema that is ready for it. */
export type OpenLedger = (place: LedgerPlace) => Promise<LedgerWriter>;

/**
 * Opens the shared store.
 * @param openLedger default: on this thread and over the store's connections, for tools and tests
 * @throws KeyturnError `invalid_config`, `wrong_master_key`, `store_unavailable`, `store_read_only`, `store_full`
 */
export async function openPostgres(options: PostgresOptions, openLedger: OpenLedger = openPostgresLedger): Promise<Postgres> {
  const { poolSize, timeout = CALL_LIMIT, timers, clock, random } = options;
  const masterKey = parseMasterKey(options.masterKey, 'The master key of the PostgreSQL store');
  const { where, config } = readAddress(options.url, options.caFile);
  const address = { where, config: { ...config, application_name: nameOfSessions(options.schema) } };
  const { default: driver } = await import('pg');
  const connections = new Connections(driver, address, { poolSize, timeout });
  const notices = new Notices({ driver, connections, address, timeout, channel: `keyturn ${options.schema}`, timers });
  let ledger: LedgerWriter | null = null;
  const close = async (): Promise<void> => {
    await ledger?.close();
    await notices.close();
    await connections.close();
  };
  try {
    const schema = quoted(options.schema);
    await migrate(connections, options.schema);
    await unlock(connections, schema, masterKey);
    const move = moveMarksIn(connections, schema);
    const gone = (await move.read())?.phase === 'moved';
    for (const table of gone ? [] : ['keyrings', 'tokens']) await connections.query(adoptForeign(`${schema}.${table}`));
    const keeper = { connections, schema, masterKey, random };
    const fingerprintKey = await sealedText(keeper, 'fingerprint_key', () => new Secret(random.bytes(32).toString('hex')));
    const auditKeys = readAuditKeys(await sealedText(keeper, 'audit_keys', () => makeAuditKeys(random)));
    ledger = await openLedger({ connections, schema, keys: auditKeys });
    const log: PostgresLog = {
      writer: ledger,
      reader: postgresLedgerReader(connections, schema),
      registry: await openSharedRegistry({ connections, schema, clock }),
      spools: postgresSpools({ connections, schema, keys: auditKeys }),
    };
    await notices.start();
    const store = postgresStore({ ...keeper, fingerprintKey, clock, notices, close });
    const tokens = postgresTokens(connections, schema, notices);
    return { store, fingerprints: store, tokens, auditKeys, log, notices, move, connections, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The first key that opens a schema becomes its key; of replicas that start at the same time, one is the first. While the key is being changed nobody
 * opens it.
 */
async function unlock(connections: Connections, schema: string, key: MasterKey): Promise<void> {
  await connections.query(`INSERT INTO ${schema}.meta VALUES ('master_key_id', $1) ON CONFLICT DO NOTHING`, [key.id]);
  const rows = await connections.query(`SELECT name, value FROM ${schema}.meta WHERE name IN ('master_key_id', 'rekey_to')`);
  const marks = new Map(rows.map((row) => [textOf(row, 'name'), textOf(row, 'value')]));
  const target = marks.get('rekey_to');
  if (target !== undefined) throw unfinished(connections.where, target);
  const established = marks.get('master_key_id');
  if (established === key.id) return;
  throw new KeyturnError(
    'wrong_master_key',
    `The data in PostgreSQL at ${connections.where} are sealed with the master key of id ${established}; the one given has id ${key.id}. Give all replicas the key it was sealed with, or name another schema.`,
  );
}

function unfinished(where: string, target: string): KeyturnError {
  return new KeyturnError(
    'wrong_master_key',
    `The data in PostgreSQL at ${where} are being sealed anew under the master key of id ${target}. If keyturn rekey does not run any more, run it again with both keys.`,
  );
}
