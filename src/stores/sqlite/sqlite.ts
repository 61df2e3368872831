import { type AuditKeys, makeAuditKeys, readAuditKeys } from '../../audit/keys.ts';
import { KeyturnError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Clock } from '../../ports/clock.ts';
import type { MoveMarks } from '../../ports/move.ts';
import type { Random } from '../../ports/random.ts';
import type { Snapshots } from '../../ports/snapshots.ts';
import type { ChangeDates, ChangeFeed, DueIndex, FingerprintIndex, Store } from '../../ports/store.ts';
import type { TokenStore } from '../../ports/tokens.ts';
import type { MasterKeySource } from '../master-key.ts';
import { type Database, openDatabase } from './database.ts';
import { documentsIn } from './documents.ts';
import { readMark } from './marks.ts';
import { materialIn } from './material.ts';
import { migrate } from './migrations.ts';
import { moveMarksIn } from './move.ts';
import { putSealedText, sealedText } from './sealed-texts.ts';
import { snapshotInto } from './snapshot.ts';
import { sqliteStore } from './store.ts';
import { sqliteTokens } from './tokens.ts';
import { unlock } from './unlock.ts';

export interface SqliteOptions {
  /** Made (0700) where missing. Holds `keyturn.db` and, unless the master key comes from elsewhere, `master.key`. */
  readonly dataDir: string;
  readonly masterKey: MasterKeySource;
  readonly clock: Clock;
  readonly random: Random;
  /** Opens a folder whose restore was interrupted, to go on with it. Default false: it is refused. */
  readonly restoring?: boolean;
}

/** Everything that one data folder keeps. The parts share one connection, and so one lock and one transaction. */
export interface Sqlite {
  readonly store: Store & DueIndex & ChangeFeed & Partial<ChangeDates>;
  readonly fingerprints: FingerprintIndex;
  readonly tokens: TokenStore;
  /** The audit log's keys: made with the database, sealed under its master key. */
  readonly auditKeys: AuditKeys;
  /** Takes the audit log's keys of another data folder for its own, to go on with that folder's log. */
  adoptAuditKeys(from: Sqlite): void;
  /** `auditKeys` as the text that is sealed. */
  readonly auditSecret: Secret;
  readonly snapshots: Snapshots;
  readonly move: MoveMarks;
  /** For what else lives in this database. */
  readonly database: Database;
  /** Ends all parts and gives the data folder free. Harmless a second time. */
  close(): void;
}

/**
 * Opens the embedded store of a data folder for this process alone.
 * @throws KeyturnError `store_locked` (another process has it), `wrong_master_key`, `invalid_config`, `store_read_only`, `store_full`,
 * `store_unavailable`
 */
export function openSqlite({ dataDir, masterKey: source, clock, random, restoring = false }: SqliteOptions): Sqlite {
  const database = openDatabase(dataDir);
  try {
    migrate(database);
    if (!restoring && readMark(database, 'restoring') !== null) throw unfinishedRestore(dataDir);
    const masterKey = unlock(database, source, random);
    const fingerprintKey = sealedText(database, 'fingerprint_key', masterKey, random, () => new Secret(random.bytes(32).toString('hex')));
    const material = materialIn(database, { masterKey, fingerprintKey, clock, random });
    const rows = { documents: documentsIn(database, random), material };
    rows.material.markAll();
    const auditSecret = sealedText(database, 'audit_keys', masterKey, random, () => makeAuditKeys(random));
    return {
      store: sqliteStore(database, rows, clock),
      fingerprints: { find: async (material) => rows.material.find(material) },
      tokens: sqliteTokens(database),
      auditKeys: readAuditKeys(auditSecret),
      adoptAuditKeys: (from) => putSealedText(database, 'audit_keys', from.auditSecret, masterKey, random),
      auditSecret,
      snapshots: { masterKeyId: masterKey.id, into: (folder) => snapshotInto(folder, database, source) },
      move: moveMarksIn(database),
      database,
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

function unfinishedRestore(dataDir: string): KeyturnError {
  return new KeyturnError(
    'invalid_config',
    `A restore into ${dataDir} was interrupted: half of the keyrings may be missing. Run it again first.`,
  );
}
