import { readFile } from 'node:fs/promises';
import { KeyturnError } from '../../core/errors.ts';
import { type Millis, SECOND } from '../../core/time.ts';
import { refused } from './failures.ts';
import type { VaultHttp } from './http.ts';
import type { VaultAuth } from './options.ts';
import type { Answer } from './transport.ts';

/** What a login gave. */
export interface Login {
  readonly token: string;
  /** Null = it does not end. */
  readonly ttl: Millis | null;
  readonly renewable: boolean;
}

export interface LoginDeps {
  readonly http: VaultHttp;
  /** For messages. */
  readonly where: string;
  readonly signal: AbortSignal;
}

const MAX_FILE_BYTES = 64 * 1024;

/** @throws KeyturnError `store_unavailable`, also for a file that cannot be read or is empty; NoAnswer */
export async function logIn(auth: VaultAuth, deps: LoginDeps): Promise<Login> {
  if (auth.method === 'token') return lookUp('token' in auth ? auth.token.reveal() : await fileText(auth.tokenFile), deps);
  const answer = await deps.http.ask({ ...(await loginRequest(auth)), method: 'POST', token: null, signal: deps.signal });
  const login = answer.status === 200 ? loginIn(answer.body) : null;
  if (login !== null) return login;
  throw answer.status === 400 || answer.status === 403 ? notLetIn(auth, deps.where, answer) : refused(deps.where, answer, false);
}

/** Null where the token cannot be renewed any more. @throws NoAnswer */
export async function renew(token: string, { http, signal }: LoginDeps): Promise<Login | null> {
  const answer = await http.ask({ method: 'POST', path: 'auth/token/renew-self', body: {}, token, signal });
  const login = answer.status === 200 ? loginIn(answer.body) : null;
  return login && { ...login, token };
}

/** A token tells its own age where its policy lets it. One that may not ask, or is not valid, is found out by its first use. */
async function lookUp(token: string, { http, signal }: LoginDeps): Promise<Login> {
  const { status, body } = await http.ask({ method: 'GET', path: 'auth/token/lookup-self', token, signal });
  const data = status === 200 ? field(body, 'data') : undefined;
  const [ttl, renewable] = [field(data, 'ttl'), field(data, 'renewable')];
  return { token, ttl: typeof ttl === 'number' && ttl > 0 ? ttl * SECOND : null, renewable: renewable === true };
}

/** Not by node-vault's own commands: those escape paths as if they were HTML, and its Kubernetes login has a path that is wrong without a mount. */
async function loginRequest(auth: Exclude<VaultAuth, { method: 'token' }>): Promise<{ path: string; body: object }> {
  const path = `auth/${auth.mount}/login`;
  if (auth.method === 'kubernetes') return { path, body: { role: auth.role, jwt: await fileText(auth.jwtFile) } };
  const [roleId, secretId] = await Promise.all([fileText(auth.roleIdFile), fileText(auth.secretIdFile)]);
  return { path, body: { role_id: roleId, secret_id: secretId } };
}

function loginIn(body: unknown): Login | null {
  const auth = field(body, 'auth');
  const [token, seconds, renewable] = [field(auth, 'client_token'), field(auth, 'lease_duration'), field(auth, 'renewable')];
  if (typeof token !== 'string' || token === '') return null;
  return { token, ttl: typeof seconds === 'number' && seconds > 0 ? seconds * SECOND : null, renewable: renewable === true };
}

function notLetIn({ method }: VaultAuth, where: string, { status }: Answer): KeyturnError {
  const what = method === 'approle' ? 'the role id or the secret id' : 'the role or the service account';
  return new KeyturnError('store_unavailable', `Vault at ${where} does not let Keyturn in: it does not accept ${what}. Renew them.`, {
    cause: new Error(`HTTP ${status}`),
  });
}

async function fileText(path: string): Promise<string> {
  const text = (await readFile(path, 'utf8').catch((error: unknown) => unreadable(path, error))).trim();
  if (text !== '' && text.length <= MAX_FILE_BYTES && !/\s/.test(text)) return text;
  throw new KeyturnError('store_unavailable', `The file ${path} for the login to Vault is empty, or holds more than one word.`);
}

function unreadable(path: string, error: unknown): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'no code';
  throw new KeyturnError('store_unavailable', `The file ${path} for the login to Vault cannot be read (${code}).`);
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
