import type { AuditKeys } from '../audit/keys.ts';
import type { LedgerWriter } from '../audit/ledger.ts';
import type { AwsSettings } from '../config/aws.ts';
import type { Settings, StoreSettings, VaultSettings } from '../config/settings.ts';
import { KeyturnError } from '../core/errors.ts';
import type { MoveMarks } from '../ports/move.ts';
import type { Snapshots } from '../ports/snapshots.ts';
import type { ChangeFeed, DueIndex, FingerprintIndex, Notices, Publisher, Store } from '../ports/store.ts';
import type { TokenFeed, TokenStore, TokenTurns } from '../ports/tokens.ts';
import type { MasterKeySource } from '../stores/master-key.ts';
import type { Postgres } from '../stores/postgres/postgres.ts';
import type { LogPlace } from './audit.ts';
import { removeLeftovers } from './backup.ts';
import type { KeptRegistry } from './lease-registry.ts';
import type { Surroundings } from './service.ts';

/** What the service stands on. */
export interface Foundation {
  readonly store: Store & DueIndex & ChangeFeed & Partial<Publisher>;
  /** Null: this store cannot tell whether a key was in use before, and verdicts say that it was not checked. */
  readonly fingerprints: FingerprintIndex | null;
  /** Where replicas share it: with what they need to agree. */
  readonly tokens: TokenStore & Partial<TokenFeed & TokenTurns>;
  /** What wakes the validation of copies and tokens, beside the clock. */
  readonly notices?: Notices;
  /** Null where the store is backed up by its own means. */
  readonly snapshots: Snapshots | null;
  readonly move: MoveMarks;
  readonly auditKeys: AuditKeys;
  /** Where the audit log and the leases are, if not in the data folder. */
  readonly log?: LogPlace;
  /** Writes the audit log of the data folder. Default: this thread does, waiting for the disk. */
  readonly ledger?: LedgerWriter;
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
    case 'vault':
      return openInVault(settings.store, surroundings);
    case 'aws':
      return openSecretsManager(settings, settings.store, surroundings);
  }
}

async function openEmbedded({ dataDir, masterKey }: Settings, { clock, random }: Surroundings): Promise<Foundation> {
  const { openSqlite } = await import('../stores/sqlite/sqlite.ts');
  const { auditPath } = await import('../stores/sqlite/audit/schema.ts');
  const { threadedLedger } = await import('../stores/sqlite/audit/threads.ts');
  const source: MasterKeySource = masterKey === null ? { from: 'data-folder' } : { from: 'text', text: masterKey };
  const sqlite = openSqlite({ dataDir, masterKey: source, clock, random });
  try {
    removeLeftovers(dataDir);
    const ledger = await threadedLedger(auditPath(dataDir), sqlite.auditKeys);
    return {
      ...sqlite,
      ledger,
      async close() {
        await ledger.close();
        sqlite.close();
      },
    };
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

type PostgresSettings = Extract<StoreSettings, { kind: 'postgres' }>;

async function openShared({ masterKey }: Settings, store: PostgresSettings, surroundings: Surroundings): Promise<Foundation> {
  if (masterKey === null) throw new KeyturnError('invalid_config', 'A store that replicas share needs KEYTURN_MASTER_KEY.');
  const { openPostgres } = await import('../stores/postgres/postgres.ts');
  const { threadedPostgresLedger } = await import('../stores/postgres/audit/thread.ts');
  return sharedFoundation(await openPostgres({ ...store, masterKey, ...surroundings }, ({ keys }) => threadedPostgresLedger(store, keys)));
}

/** Keyrings and tokens are in AWS; each replica keeps its audit log, its leases and the log's keys in its own data folder, and locks that. */
async function openSecretsManager(settings: Settings, store: AwsSettings, surroundings: Surroundings): Promise<Foundation> {
  const { openAws } = await import('../stores/aws/aws.ts');
  const { auditKeys, ledger, close } = await openEmbedded(settings, surroundings);
  try {
    const aws = await openAws({ ...store, masterKey: settings.masterKey, ...surroundings });
    const closeBoth = async (): Promise<void> => {
      await aws.close();
      await close();
    };
    return {
      store: aws.store,
      tokens: aws.tokens,
      move: aws.move,
      fingerprints: null,
      snapshots: null,
      auditKeys,
      ...(ledger && { ledger }),
      close: closeBoth,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What every replica stands on: nothing is kept in its data folder, but for a spool in an outage. */
export function sharedFoundation(postgres: Postgres): Foundation {
  const { writer, reader, registry, spools } = postgres.log;
  const leases = (settled: () => Promise<void>): KeptRegistry => ({ ...registry, registry: registry.registry(settled) });
  return { ...postgres, snapshots: null, log: { writer, reader, spools, shared: true, leases, close: async () => undefined } };
}

async function openInVault(store: VaultSettings, surroundings: Surroundings): Promise<Foundation> {
  const { openVault } = await import('../stores/vault/vault.ts');
  return { ...(await openVault({ ...store, ...surroundings })), fingerprints: null, snapshots: null };
}
