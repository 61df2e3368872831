import type { DeclaredToken } from '../access/declared-token.ts';
import { isTokenId } from '../access/token-format.ts';
import { KeyturnError } from '../core/errors.ts';
import { parseKeyringName } from '../core/name.ts';
import type { Policy } from '../core/policy.ts';
import type { Secret } from '../core/secret.ts';
import { toSeconds } from './duration.ts';
import { type ImportSources, importedKey } from './imports.ts';
import { toInstant } from './instant.ts';
import { defaultsOf, policyOver } from './policies.ts';
import { DEFAULT_CONNECTIONS } from './rules.ts';
import type { ConfigFile, KeyringFields, TokenFields } from './schema.ts';
import type { DeclaredKeyring, Settings } from './settings.ts';
import { type StoreSecrets, storeSettings } from './store-settings.ts';

export interface Secrets extends StoreSecrets {
  readonly masterKey: Secret | null;
}

/** A faultless file as settings, with the default of everything that it leaves out. */
export function settingsOf(file: ConfigFile, secrets: Secrets, sources: ImportSources): Settings {
  const { limits = {}, tls } = file;
  const connections = limits.connections ?? DEFAULT_CONNECTIONS;
  const defaults = defaultsOf(file.defaults);
  return {
    host: file.host ?? '127.0.0.1',
    port: file.port ?? 8460,
    dataDir: sources.resolve(file.dataDir ?? 'data'),
    store: storeSettings(file.store, secrets, sources),
    masterKey: secrets.masterKey,
    tls: tls === undefined ? null : { certFile: sources.resolve(tls.certFile), keyFile: sources.resolve(tls.keyFile) },
    trustProxy: file.trustProxy ?? false,
    log: { level: file.log?.level ?? 'info' },
    limits: {
      bodyBytes: limits.bodyBytes ?? 65_536,
      failedAuthPerMinute: limits.failedAuthPerMinute ?? 30,
      notFoundPerMinute: limits.notFoundPerMinute ?? 120,
      unknownNamesPerMinute: limits.unknownNamesPerMinute ?? 1_000,
      maxWaitSeconds: toSeconds(limits.maxWaitSeconds) ?? 300,
      heldRequests: limits.heldRequests ?? Math.floor(connections / 2),
      connections,
    },
    metrics: { access: file.metrics?.access ?? 'open' },
    audit: { onOutage: file.audit?.onOutage ?? 'refuse', spoolMegabytes: file.audit?.spoolMegabytes ?? 512 },
    docs: { enabled: file.docs?.enabled ?? true },
    strength: { wordlistFile: file.strength?.wordlistFile === undefined ? null : sources.resolve(file.strength.wordlistFile) },
    sweep: { cron: file.sweep?.cron ?? '* * * * * *' },
    backup: { recipient: file.backup?.recipient ?? null },
    shutdown: { graceSeconds: toSeconds(file.shutdown?.graceSeconds) ?? 20 },
    defaults,
    keyrings: (file.keyrings ?? []).map((fields) => declaredKeyring(fields, defaults, sources)),
    tokens: (file.tokens ?? []).map(declaredToken),
  };
}

function declaredKeyring(fields: KeyringFields, defaults: Policy, sources: ImportSources): DeclaredKeyring {
  const imported = importedKey(fields, sources);
  if ('fault' in imported)
    throw new KeyturnError('invalid_config', 'A key to import changed while the configuration was read: start again.');
  return { name: parseKeyringName(fields.name), policy: policyOver(defaults, fields.policy), imported: imported.value };
}

function declaredToken({ id, name, hash, roles, keyrings, expiresAt }: TokenFields): DeclaredToken {
  if (!isTokenId(id)) throw new KeyturnError('invalid_config', 'A token of the config file has an id that is none.');
  return { id, name, hash, roles, keyrings: keyrings ?? ['*'], expiresAt: expiresAt == null ? null : toInstant(expiresAt) };
}
