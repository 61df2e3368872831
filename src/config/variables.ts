import type { Fault } from '../core/errors.ts';
import { readTags } from './aws.ts';
import { didYouMean } from './did-you-mean.ts';
import { ConfigFile } from './schema.ts';
import { isMapping, type Mapping, shapeFaults } from './shape.ts';

/** The environment, as a program gets it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting of the file that a variable of the environment overrides. */
interface Variable {
  readonly name: string;
  /** The fields that lead to the setting. */
  readonly setting: readonly string[];
  readonly read: (text: string) => unknown;
}

const asText = (text: string): unknown => text;
/** A text that is no number stays one, for the schema to refuse (or, in a duration, to take). */
const asNumber = (text: string): unknown => (/^-?\d{1,15}(?:\.\d{1,9})?$/.test(text) ? Number(text) : text);
const asBoolean = (text: string): unknown => (text === 'true' ? true : text === 'false' ? false : text);
const asBooleanOrList = (text: string): unknown => {
  const value = asBoolean(text);
  return typeof value === 'boolean' ? value : text.split(',').map((item) => item.trim());
};

const variable = (name: string, setting: string, read = asText): Variable => ({ name, setting: setting.split('.'), read });

export const VARIABLES: readonly Variable[] = [
  variable('KEYTURN_HOST', 'host'),
  variable('KEYTURN_PORT', 'port', asNumber),
  variable('KEYTURN_DATA_DIR', 'dataDir'),
  variable('KEYTURN_STORE', 'store.kind'),
  variable('KEYTURN_POSTGRES_URL_FILE', 'store.postgres.urlFile'),
  variable('KEYTURN_POSTGRES_SCHEMA', 'store.postgres.schema'),
  variable('KEYTURN_POSTGRES_POOL_SIZE', 'store.postgres.poolSize', asNumber),
  variable('KEYTURN_POSTGRES_CA_FILE', 'store.postgres.caFile'),
  variable('KEYTURN_VAULT_ADDR', 'store.vault.address'),
  variable('KEYTURN_VAULT_MOUNT', 'store.vault.mount'),
  variable('KEYTURN_VAULT_PREFIX', 'store.vault.prefix'),
  variable('KEYTURN_VAULT_NAMESPACE', 'store.vault.namespace'),
  variable('KEYTURN_VAULT_CA_FILE', 'store.vault.caFile'),
  variable('KEYTURN_VAULT_AUTH_METHOD', 'store.vault.auth.method'),
  variable('KEYTURN_VAULT_AUTH_MOUNT', 'store.vault.auth.mount'),
  variable('KEYTURN_VAULT_TOKEN_FILE', 'store.vault.auth.tokenFile'),
  variable('KEYTURN_VAULT_ROLE_ID_FILE', 'store.vault.auth.roleIdFile'),
  variable('KEYTURN_VAULT_SECRET_ID_FILE', 'store.vault.auth.secretIdFile'),
  variable('KEYTURN_VAULT_ROLE', 'store.vault.auth.role'),
  variable('KEYTURN_VAULT_JWT_FILE', 'store.vault.auth.jwtFile'),
  variable('KEYTURN_AWS_REGION', 'store.aws.region'),
  variable('KEYTURN_AWS_ENDPOINT', 'store.aws.endpoint'),
  variable('KEYTURN_AWS_PREFIX', 'store.aws.prefix'),
  variable('KEYTURN_AWS_KMS_KEY_ID', 'store.aws.kmsKeyId'),
  variable('KEYTURN_AWS_TAGS', 'store.aws.tags', readTags),
  variable('KEYTURN_MASTER_KEY_FILE', 'masterKey.file'),
  variable('KEYTURN_TLS_CERT_FILE', 'tls.certFile'),
  variable('KEYTURN_TLS_KEY_FILE', 'tls.keyFile'),
  variable('KEYTURN_TRUST_PROXY', 'trustProxy', asBooleanOrList),
  variable('KEYTURN_LOG_LEVEL', 'log.level'),
  variable('KEYTURN_BODY_BYTES', 'limits.bodyBytes', asNumber),
  variable('KEYTURN_FAILED_AUTH_PER_MINUTE', 'limits.failedAuthPerMinute', asNumber),
  variable('KEYTURN_NOT_FOUND_PER_MINUTE', 'limits.notFoundPerMinute', asNumber),
  variable('KEYTURN_UNKNOWN_NAMES_PER_MINUTE', 'limits.unknownNamesPerMinute', asNumber),
  variable('KEYTURN_MAX_WAIT_SECONDS', 'limits.maxWaitSeconds', asNumber),
  variable('KEYTURN_HELD_REQUESTS', 'limits.heldRequests', asNumber),
  variable('KEYTURN_CONNECTIONS', 'limits.connections', asNumber),
  variable('KEYTURN_METRICS_ACCESS', 'metrics.access'),
  variable('KEYTURN_AUDIT_ON_OUTAGE', 'audit.onOutage'),
  variable('KEYTURN_AUDIT_SPOOL_MEGABYTES', 'audit.spoolMegabytes', asNumber),
  variable('KEYTURN_DOCS_ENABLED', 'docs.enabled', asBoolean),
  variable('KEYTURN_STRENGTH_WORDLIST_FILE', 'strength.wordlistFile'),
  variable('KEYTURN_SWEEP_CRON', 'sweep.cron'),
  variable('KEYTURN_BACKUP_RECIPIENT', 'backup.recipient'),
  variable('KEYTURN_SHUTDOWN_GRACE_SECONDS', 'shutdown.graceSeconds', asNumber),
];

/** Variables that are no setting of the file: some for the service, the rest for the command line. */
const OTHERS = [
  'KEYTURN_CONFIG',
  'KEYTURN_MASTER_KEY',
  'KEYTURN_NEW_MASTER_KEY',
  'KEYTURN_NEW_MASTER_KEY_FILE',
  'KEYTURN_POSTGRES_URL',
  'KEYTURN_URL',
  'KEYTURN_TOKEN',
  'KEYTURN_TOKEN_FILE',
  'KEYTURN_CA_FILE',
];

/** The tree of the file with the environment's settings in it, and what is wrong with the environment. */
export interface Overlaid {
  readonly tree: Mapping;
  readonly faults: readonly Fault[];
}

/** `named` are the variables that keyrings of the file take their keys from: whatever they are called, they are known. */
export function overlay(tree: Mapping, env: Environment, named: ReadonlySet<string>): Overlaid {
  const faults = [...unknownFaults(env, named)];
  let overlaid = tree;
  for (const { name, setting, read } of VARIABLES) {
    const text = env[name];
    if (text === undefined || text === '') continue;
    const value = read(text);
    const wrong = shapeFaults(schemaAt(setting), value);
    if (wrong.length === 0) overlaid = withSetting(overlaid, setting, value);
    faults.push(...wrong.slice(0, 1).map(({ message }) => ({ path: name, message })));
  }
  return { tree: overlaid, faults };
}

function unknownFaults(env: Environment, named: ReadonlySet<string>): Fault[] {
  const known = [...VARIABLES.map(({ name }) => name), ...OTHERS];
  const ours = Object.keys(env).filter((name) => name.startsWith('KEYTURN_') && env[name] !== undefined);
  const empty = ours.filter((name) => known.includes(name) && env[name] === '');
  const unknown = ours.filter((name) => !known.includes(name) && !named.has(name));
  return [
    ...empty.map((path) => ({ path, message: 'is empty: give it a value or unset it' })),
    ...unknown.map((path) => ({ path, message: `is not a variable of Keyturn${didYouMean(path, known)}` })),
  ];
}

function withSetting(tree: Mapping, [first, ...rest]: readonly string[], value: unknown): Mapping {
  if (first === undefined) return tree;
  const inner = tree[first];
  return { ...tree, [first]: rest.length === 0 ? value : withSetting(isMapping(inner) ? inner : {}, rest, value) };
}

function schemaAt(setting: readonly string[]): object {
  let schema: unknown = ConfigFile;
  for (const field of setting) schema = isMapping(schema) && isMapping(schema.properties) ? schema.properties[field] : undefined;
  if (isMapping(schema)) return schema;
  throw new TypeError(`The config file has no setting ${setting.join('.')}.`);
}
