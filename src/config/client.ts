import { resolve } from 'node:path';
import { ADMIN_TOKEN_FILE } from '../access/admin-token-file.ts';
import type { Fault } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { type Outcome, readSecret } from './files.ts';
import { invalidConfig, type Surroundings } from './load.ts';

/** Where the command line looks for the service when nobody says where it is. */
export const DEFAULT_URL = 'http://127.0.0.1:8460';

/** What the command line needs to talk to a service. */
export interface ClientSettings {
  /** Without a slash at its end. */
  readonly url: string;
  /** Null where none was found: calls without a token still work for health. */
  readonly token: Secret | null;
  /** Absolute path of the certificate authority to trust; null = the system's own. */
  readonly caFile: string | null;
}

/**
 * `KEYTURN_URL` (http://127.0.0.1:8460); the token of `KEYTURN_TOKEN`, else of the file `KEYTURN_TOKEN_FILE`, else of `admin.token` in
 * `KEYTURN_DATA_DIR` (./data); `KEYTURN_CA_FILE`.
 * @throws KeyturnError `invalid_config` with every fault
 */
export function loadClientSettings(surroundings: Surroundings): ClientSettings {
  const { env, cwd } = surroundings;
  const url = env.KEYTURN_URL || DEFAULT_URL;
  const token = findToken(surroundings);
  const faults = [...urlFaults(url), ...token.faults];
  if (faults.length > 0) throw invalidConfig(faults);
  return { url: url.replace(/\/+$/, ''), token: token.value, caFile: env.KEYTURN_CA_FILE ? resolve(cwd, env.KEYTURN_CA_FILE) : null };
}

/** Absolute path of the file that holds the token, there or not; null where the environment holds the token itself. */
export function tokenFileOf({ env, cwd }: Pick<Surroundings, 'env' | 'cwd'>): string | null {
  if (env.KEYTURN_TOKEN) return null;
  const named = env.KEYTURN_TOKEN_FILE;
  return named ? resolve(cwd, named) : resolve(cwd, env.KEYTURN_DATA_DIR || 'data', ADMIN_TOKEN_FILE);
}

function findToken(surroundings: Surroundings): { value: Secret | null; faults: Fault[] } {
  const { env, read } = surroundings;
  const path = tokenFileOf(surroundings);
  if (path === null) return { value: new Secret((env.KEYTURN_TOKEN ?? '').trim()), faults: [] };
  const named = env.KEYTURN_TOKEN_FILE;
  const found: Outcome<Secret> = readSecret(read, path);
  if ('value' in found) return { value: found.value, faults: [] };
  if (!named && found.absent) return { value: null, faults: [] };
  return { value: null, faults: [{ path: named ? 'KEYTURN_TOKEN_FILE' : ADMIN_TOKEN_FILE, message: found.fault }] };
}

function urlFaults(url: string): Fault[] {
  const parsed = URL.parse(url);
  const fault = (message: string): Fault[] => [{ path: 'KEYTURN_URL', message }];
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return fault('must be a URL that begins with http:// or https://');
  if (parsed.username !== '' || parsed.password !== '')
    return fault('must not hold a user or a password: put the token into KEYTURN_TOKEN');
  return parsed.search === '' && parsed.hash === '' ? [] : fault('must end before any ? or #');
}
