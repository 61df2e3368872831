import type { Fault } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { awsSettings } from './aws.ts';
import type { ImportSources } from './imports.ts';
import type { ConfigFile } from './schema.ts';
import { type FoundSecret, findSecret, POSTGRES_URL } from './secret-settings.ts';
import type { StoreSettings, VaultSettings } from './settings.ts';
import { isMapping, type Mapping } from './shape.ts';
import { findVault } from './vault-settings.ts';

/** What the store that is chosen needs beyond the file; what the others would need is not looked for. */
export interface StoreSecrets {
  readonly postgresUrl: Secret | null;
  readonly vault: VaultSettings | null;
}

export interface FoundStoreSecrets {
  readonly value: StoreSecrets;
  readonly faults: readonly Fault[];
}

export function findStoreSecrets(tree: Mapping, masterKey: FoundSecret, sources: ImportSources): FoundStoreSecrets {
  const kind = isMapping(tree.store) ? tree.store.kind : undefined;
  if (kind === 'vault') {
    const { value, faults } = findVault(tree, sources);
    return { value: { postgresUrl: null, vault: value }, faults };
  }
  if (kind !== 'postgres') return { value: { postgresUrl: null, vault: null }, faults: [] };
  const url = findSecret(tree, POSTGRES_URL, sources);
  const missing = [
    ...needed(url, '/store/postgres/urlFile', 'is missing: name a file that holds the URL of the database, or set KEYTURN_POSTGRES_URL'),
    ...needed(masterKey, '/masterKey/file', 'is missing: replicas that share a database need one master key, or set KEYTURN_MASTER_KEY'),
  ];
  return { value: { postgresUrl: url.value, vault: null }, faults: [...url.faults, ...missing] };
}

export function storeSettings(
  file: ConfigFile['store'] = {},
  { postgresUrl, vault }: StoreSecrets,
  { resolve }: ImportSources,
): StoreSettings {
  if (vault !== null) return { kind: 'vault', ...vault };
  if (file.kind === 'aws') return awsSettings(file.aws);
  if (file.kind !== 'postgres' || postgresUrl === null) return { kind: 'sqlite' };
  const { schema = 'keyturn', poolSize = 10, caFile } = file.postgres ?? {};
  return { kind: 'postgres', url: postgresUrl, schema, poolSize, caFile: caFile === undefined ? null : resolve(caFile) };
}

function needed({ value, faults }: FoundSecret, path: string, message: string): Fault[] {
  return value === null && faults.length === 0 ? [{ path, message }] : [];
}
