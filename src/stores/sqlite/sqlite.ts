import { KeyturnError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { ChangeFeed, DueIndex, FingerprintIndex, Store } from '../../ports/store.ts';
import type { TokenStore } from '../../ports/tokens.ts';
import { type MasterKeySource, obtainMasterKey } from '../master-key.ts';
import type { MasterKey } from '../sealing.ts';
import { type Database, openDatabase } from './database.ts';
import { documentsIn } from './documents.ts';
import { materialIn } from './material.ts';
import { migrate } from './migrations.ts';
import { textOf } from './row.ts';
import { sqliteStore } from './store.ts';
import { sqliteTokens } from './tokens.ts';

export interface SqliteOptions {
  /** Made (0700) where missing. Holds `keyturn.db` and, unless the master key comes from elsewhere, `master.key`. */
  readonly dataDir: string;
  readonly masterKey: MasterKeySource;
  readonly clock: Clock;
  readonly random: Random;
}

/** Everything that one data folder keeps. The parts share one connection, and so one lock and one transaction. */
export interface Sqlite {
  readonly store: Store & DueIndex & ChangeFeed;
  readonly fingerprints: FingerprintIndex;
  readonly tokens: TokenStore;
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
export function openSqlite({ dataDir, masterKey: source, clock, random }: SqliteOptions): Sqlite {
  const database = openDatabase(dataDir);
  try {
    migrate(database);
    const masterKey = unlock(database, source, random);
    const rows = { documents: documentsIn(database, random), material: materialIn(database, { masterKey, clock, random }) };
    rows.material.markAll();
    return {
      store: sqliteStore(database, rows, clock),
      fingerprints: { find: async (material) => rows.material.find(material) },
      tokens: sqliteTokens(database),
      database,
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The first key that opens a database becomes its key; the key itself is on disk before its id is. */
function unlock(database: Database, source: MasterKeySource, random: Random): MasterKey {
  const row = database.prepare("SELECT value FROM meta WHERE name = 'master_key_id'").first();
  const established = row === undefined ? null : textOf(row, 'value');
  const key = obtainMasterKey(source, { dataDir: database.dataDir, established: established !== null }, random);
  if (established === null) database.prepare("INSERT INTO meta (name, value) VALUES ('master_key_id', ?)").run(key.id);
  else if (established !== key.id) throw wrongKey(database.dataDir, established, key.id);
  return key;
}

function wrongKey(dataDir: string, established: string, given: string): KeyturnError {
  return new KeyturnError(
    'wrong_master_key',
    `The data in ${dataDir} is sealed with the master key of id ${established}; the one given has id ${given}. Give the key it was sealed with, or another data folder.`,
  );
}
