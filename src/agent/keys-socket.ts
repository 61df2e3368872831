import { chmod, chown, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { KeyturnError } from '../core/errors.ts';
import type { AgentSocket } from '../ports/sidecar.ts';
import { bodyOf, etagOf, refreshOf, type ServedKeys } from './served-keys.ts';

/** By the name of a keyring: undefined = the agent has no such keyring, null = none that may be used now. */
export type Lookup = (name: string) => ServedKeys | null | undefined;

const PATH = /^\/v1\/keyrings\/([a-z0-9][a-z0-9._-]{0,62})\/keys$/;
const MAX_CONNECTIONS = 256;

/** Answers `GET /v1/keyrings/{name}/keys` to programs of this machine. Who may open the socket may have the keys: its mode is the whole guard. */
export class KeysSocket {
  readonly #server: Server;
  readonly #path: string;

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
  }

  /** @throws KeyturnError `invalid_config` where it cannot listen there */
  static async open({ path, mode, group }: AgentSocket, lookup: Lookup): Promise<KeysSocket> {
    await removeStale(path);
    const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => answer(request, response, lookup));
    server.maxConnections = MAX_CONNECTIONS;
    try {
      await listenPrivately(server, path);
      if (group !== null) await chown(path, (await stat(path)).uid, group);
      await chmod(path, mode);
    } catch (cause) {
      server.close();
      throw cannotListen(path, cause);
    }
    return new KeysSocket(server, path);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#path, { force: true });
  }
}

/** The socket is closed to others from its first moment. */
function listenPrivately(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const before = process.umask(0o177);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(before);
    }
  });
}

/** A socket that nobody listens on is of an agent that was killed. */
async function removeStale(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found === null) return;
  if (!found.isSocket()) throw new KeyturnError('invalid_config', `${path} is there and is no socket: name another path for it.`);
  if (await isAlive(path)) throw new KeyturnError('invalid_config', `Another process listens on ${path}: stop it first.`);
  await rm(path, { force: true });
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function cannotListen(path: string, cause: unknown): KeyturnError {
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new KeyturnError('invalid_config', `The agent cannot listen on ${path}${code}: check the folder and its owner.`, { cause });
}

function answer(request: IncomingMessage, response: ServerResponse, lookup: Lookup): void {
  const [path = ''] = (request.url ?? '').split('?');
  const [, name] = PATH.exec(path) ?? [];
  const served = name === undefined ? undefined : lookup(name);
  if (name === undefined) refuse(response, 404, 'route_not_found', 'The agent answers GET /v1/keyrings/{name}/keys and nothing else.');
  else if (request.method !== 'GET') refuse(response, 405, 'invalid_request', 'Ask with GET.');
  else if (served === undefined) refuse(response, 404, 'keyring_not_found', 'The agent has no such keyring: see its configuration.');
  else if (served === null) refuse(response, 503, 'lease_exhausted', 'No key of this keyring may be used now: the service is silent.');
  else give(request, response, served);
}

function give(request: IncomingMessage, response: ServerResponse, served: ServedKeys): void {
  const etag = etagOf(served.snapshot);
  const headers = {
    etag,
    'cache-control': 'no-store',
    'keyturn-lease': served.leaseSeconds,
    'keyturn-refresh': refreshOf(served),
  };
  if (request.headers['if-none-match'] === etag) return void response.writeHead(304, headers).end();
  response.writeHead(200, { ...headers, 'content-type': 'application/json; charset=utf-8' }).end(bodyOf(served));
}

function refuse(response: ServerResponse, status: number, code: string, detail: string): void {
  response.writeHead(status, { 'content-type': 'application/problem+json; charset=utf-8', 'cache-control': 'no-store' });
  response.end(JSON.stringify({ type: 'about:blank', title: detail, status, code, detail }));
}
