import type { Settings, StoreSettings, VaultSettings } from '../config/settings.ts';
import { KeyturnError } from '../core/errors.ts';
import type { ChangeFeed, DueIndex, FingerprintIndex, Notices, Publisher, Store } from '../ports/store.ts';
import type { TokenFeed, TokenStore, TokenTurns } from '../ports/tokens.ts';
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
  }
}

async function openEmbedded({ dataDir, masterKey }: Settings, { clock, random }: Surroundings): Promise<Foundation> {
  const { openSqlite } = await import('../stores/sqlite/sqlite.ts');
  const source = masterKey === null ? ({ from: 'data-folder' } as const) : ({ from: 'text', text: masterKey } as const);
  return openSqlite({ dataDir, masterKey: source, clock, random });
}

type PostgresSettings = Extract<StoreSettings, { kind: 'postgres' }>;

async function openShared({ masterKey }: Settings, store: PostgresSettings, surroundings: Surroundings): Promise<Foundation> {
  if (masterKey === null) throw new KeyturnError('invalid_config', 'A store that replicas share needs KEYTURN_MASTER_KEY.');
  const { openPostgres } = await import('../stores/postgres/postgres.ts');
  return openPostgres({ ...store, masterKey, ...surroundings });
}

async function openInVault(store: VaultSettings, surroundings: Surroundings): Promise<Foundation> {
  const { openVault } = await import('../stores/vault/vault.ts');
  return { ...(await openVault({ ...store, ...surroundings })), fingerprints: null };
}
