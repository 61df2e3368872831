import { Check } from 'typebox/value';
import type { Fault } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { ImportSources } from './imports.ts';
import { ConfigFile } from './schema.ts';
import type { VaultLogin, VaultSettings } from './settings.ts';
import { isMapping, type Mapping } from './shape.ts';
import type { Environment } from './variables.ts';

type Fields = NonNullable<NonNullable<ConfigFile['store']>['vault']>;
type AuthFields = NonNullable<Fields['auth']>;

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** What each method must be told; the rest has a default. */
const NEEDED: Readonly<Record<VaultLogin['method'], readonly (keyof AuthFields)[]>> = {
  token: [],
  approle: ['roleIdFile', 'secretIdFile'],
  kubernetes: ['role'],
};

export interface FoundVault {
  /** Null = something is missing, or has the wrong shape. */
  readonly value: VaultSettings | null;
  readonly faults: readonly Fault[];
}

/** Where the file says nothing, the variables of Vault's own tools count: VAULT_ADDR, VAULT_NAMESPACE, VAULT_CACERT and VAULT_TOKEN. */
export function findVault(tree: Mapping, sources: ImportSources): FoundVault {
  const store = isMapping(tree.store) ? (tree.store.vault ?? {}) : {};
  const sound: Mapping = { store: { vault: isMapping(store) ? withVariables(store, sources.env) : store } };
  // a wrong shape is a fault already, by its own words
  if (!Check(ConfigFile, sound)) return { value: null, faults: Check(ConfigFile, { store: { vault: store } }) ? wrongVariable() : [] };
  const { address, mount = 'secret', prefix = 'keyturn', namespace = null, caFile, auth = {} } = sound.store?.vault ?? {};
  const { login, faults } = findLogin(auth, sources);
  if (address === undefined) return { value: null, faults: [missing('address', 'the address of Vault, or set VAULT_ADDR'), ...faults] };
  if (login === null) return { value: null, faults };
  const ca = caFile === undefined ? null : sources.resolve(caFile);
  return { value: { address, mount, prefix, namespace, caFile: ca, auth: login }, faults };
}

function withVariables(fields: Mapping, { VAULT_ADDR, VAULT_NAMESPACE, VAULT_CACERT }: Environment): Mapping {
  const standard = { address: VAULT_ADDR, namespace: VAULT_NAMESPACE, caFile: VAULT_CACERT };
  return { ...Object.fromEntries(Object.entries(standard).filter(([, text]) => text !== undefined && text !== '')), ...fields };
}

function findLogin(auth: AuthFields, { env, resolve }: ImportSources): { login: VaultLogin | null; faults: Fault[] } {
  const { tokenFile, roleIdFile = '', secretIdFile = '', role = '', jwtFile = SERVICE_ACCOUNT } = auth;
  const method = methodOf(auth.method);
  const mount = auth.mount ?? method;
  const absent = NEEDED[method].filter((field) => auth[field] === undefined);
  if (absent.length > 0) return { login: null, faults: absent.map((field) => missing(`auth/${field}`, `what method ${method} needs`)) };
  if (method === 'approle') {
    return { login: { method, mount, roleIdFile: resolve(roleIdFile), secretIdFile: resolve(secretIdFile) }, faults: [] };
  }
  if (method === 'kubernetes') return { login: { method, mount, role, jwtFile: resolve(jwtFile) }, faults: [] };
  if (tokenFile !== undefined) return { login: { method, tokenFile: resolve(tokenFile) }, faults: [] };
  if (env.VAULT_TOKEN) return { login: { method, token: new Secret(env.VAULT_TOKEN) }, faults: [] };
  return {
    login: null,
    faults: [missing('auth/tokenFile', 'a file that holds a token, or set VAULT_TOKEN, or choose another auth.method')],
  };
}

function methodOf(word: unknown): VaultLogin['method'] {
  return word === 'approle' || word === 'kubernetes' ? word : 'token';
}

function missing(field: string, what: string): Fault {
  return { path: `/store/vault/${field}`, message: `is missing: give ${what}` };
}

function wrongVariable(): Fault[] {
  const message = 'has the wrong form: correct it, or give store.vault.address, namespace or caFile in the config file';
  return [{ path: 'VAULT_ADDR, VAULT_NAMESPACE or VAULT_CACERT', message }];
}
