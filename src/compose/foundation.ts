import { DatabaseSync } from 'node:sqlite';
import type { AwsSettings } from '../config/aws.ts';
import type { Settings, StoreSettings } from '../config/settings.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Snapshots } from '../ports/snapshots.ts';
import type { ChangeFeed, DueIndex, FingerprintIndex, Notices, Publisher, Store } from '../ports/store.ts';
import type { TokenFeed, TokenStore, TokenTurns } from '../ports/tokens.ts';
import type { MasterKeySource } from '../stores/master-key.ts';
import { Database } from '../stores/sqlite/database.ts';
import { removeLeftovers } from './backup.ts';
import type { Surroundings } from './service.ts';

/** What the service stands on. */
export interface Foundation {
  readonly store: Store & DueIndex & ChangeFeed & Partial<Publisher>;
  /** Null where the store keeps none. */
  readonly fingerprints: FingerprintIndex | null;
  /** Where replicas share it: with what they need to agree. */
  readonly tokens: TokenStore & Partial<TokenFeed & TokenTurns>;
  /** What wakes the validation of copies and tokens, beside the clock. */
  readonly notices?: Notices;
  /** Null where the store is backed up by its own means. */
  readonly snapshots: Snapshots | null;
  /** Keeps the leases that this process grants. */
  readonly database: Database;
  close(): void | Promise<void>;
}

/**
 * The registry of stores: opens the one that is configured, and loads no other's library.
 * @throws KeyturnError what keeps the store from being opened
 */
export function openFoundation(settings: Settings, surroundings: Surroundings): Promise<Foundation> {
  switch (settings.store.kind) {
    case 'sqlite':
      return openEmbedded(settings, surroundings);
    case 'postgres':
      return openShared(settings, settings.store, surroundings);
    case 'aws':
      return openSecretsManager(settings, settings.store, surroundings);
  }
}

async function openEmbedded({ dataDir, masterKey }: Settings, { clock, random }: Surroundings): Promise<Foundation> {
  const { openSqlite } = await import('../stores/sqlite/sqlite.ts');
  const source: MasterKeySource = masterKey === null ? { from: 'data-folder' } : { from: 'text', text: masterKey };
  const sqlite = openSqlite({ dataDir, masterKey: source, clock, random });
  removeLeftovers(dataDir);
  return sqlite;
}

type PostgresSettings = Extract<StoreSettings, { kind: 'postgres' }>;

async function openShared({ masterKey }: Settings, store: PostgresSettings, surroundings: Surroundings): Promise<Foundation> {
  if (masterKey === null) throw new KeyturnError('invalid_config', 'A store that replicas share needs KEYTURN_MASTER_KEY.');
  const { openPostgres } = await import('../stores/postgres/postgres.ts');
  return { ...(await openPostgres({ ...store, masterKey, ...surroundings })), snapshots: null, database: memory() };
}

async function openSecretsManager({ masterKey }: Settings, store: AwsSettings, surroundings: Surroundings): Promise<Foundation> {
  const { openAws } = await import('../stores/aws/aws.ts');
  return { ...(await openAws({ ...store, masterKey, ...surroundings })), fingerprints: null, snapshots: null, database: memory() };
}

function memory(): Database {
  return new Database('', new DatabaseSync(':memory:'));
}
