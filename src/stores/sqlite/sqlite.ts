import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { ChangeFeed, DueIndex, Store } from '../../ports/store.ts';
import type { TokenStore } from '../../ports/tokens.ts';
import type { MasterKeySource } from '../master-key.ts';
import { type Database, openDatabase } from './database.ts';
import { documentsIn } from './documents.ts';
import { materialIn } from './material.ts';
import { migrate } from './migrations.ts';
import { sqliteStore } from './store.ts';
import { sqliteTokens } from './tokens.ts';
import { unlock } from './unlock.ts';

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
    return {
      store: sqliteStore(database, rows, clock),
      tokens: sqliteTokens(database),
      database,
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}
