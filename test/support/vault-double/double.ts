import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type KvAnswer, KvEngine } from './kv.ts';
import { allows, type Policy, parsePolicy, ROOT } from './policy.ts';
import { type TokenLife, TokenTable } from './tokens.ts';

/** What of a tap test this needs. */
interface Teardown {
  teardown(action: () => unknown): void;
}

export interface Asked {
  readonly method: string;
  /** Below `/v1/`, without the query. */
  readonly path: string;
  readonly namespace: string;
  readonly token: string;
  readonly body: Record<string, unknown>;
}

interface Answer extends KvAnswer {
  readonly headers?: Readonly<Record<string, string>>;
}

/** Stands between a request and the server. `apply` has it done; what is returned is answered, null = the connection is cut. */
type Interception = (asked: Asked, apply: () => Answer) => Answer | null | Promise<Answer | null>;

export interface DoubleOptions {
  /** Default: the machine's clock. */
  readonly now?: () => number;
}

const refusal = (status: number, ...errors: string[]): Answer => ({ status, body: { errors } });

/** A Vault of the tests: a real HTTP server with the documented rules of KV version 2, tokens, policies and two logins. */
export class VaultDouble {
  readonly tokens: TokenTable;
  readonly asked: Asked[] = [];
  readonly rootToken: string;
  address = '';
  sealed = false;
  /** Seen by every request that is not a login or about the token itself. */
  intercept: Interception = (_asked, apply) => apply();
  /** Of the standby: while set, it answers reads from here. */
  stale: KvEngine | null = null;
  /** Of the standby: sends everything to the active node. */
  redirecting = false;
  life: TokenLife = { ttl: 0, maxTtl: 0 };
  readonly #now: () => number;
  readonly #mounts = new Map<string, KvEngine>();
  readonly #logins = new Map<string, readonly Policy[]>();
  readonly #policies = new Map<string, Policy>();

  constructor({ now = Date.now }: DoubleOptions = {}) {
    this.#now = now;
    this.tokens = new TokenTable(now);
    this.rootToken = this.tokens.issue([ROOT]);
    this.mount('secret');
  }

  mount(path: string, namespace = ''): KvEngine {
    const engine = new KvEngine(this.#now);
    this.#mounts.set(`${namespace}|${path}`, engine);
    return engine;
  }

  engine(path = 'secret', namespace = ''): KvEngine {
    const engine = this.#mounts.get(`${namespace}|${path}`);
    if (engine === undefined) throw new Error(`nothing is mounted at ${path}`);
    return engine;
  }

  /** A login that works: the exact body, at the path of an auth mount. */
  allowLogin(path: string, body: Readonly<Record<string, string>>, policy: string): void {
    this.#logins.set(`${path} ${JSON.stringify(body)}`, [parsePolicy(policy)]);
  }

  /** Writes that came in, to the entries below a path. */
  writes(path = ''): Asked[] {
    return this.asked.filter(
      (asked) => asked.method === 'POST' && /^[^/]+\/(data|metadata|destroy)\//.test(asked.path) && asked.path.includes(path),
    );
  }

  async answer(asked: Asked, query: URLSearchParams, standby: boolean): Promise<Answer | null> {
    this.asked.push(asked);
    if (this.sealed) return refusal(503, 'Vault is sealed');
    if (standby && this.redirecting) return { status: 307, headers: { location: `${this.address}/v1/${asked.path}?${query}` } };
    if (/^auth\/.+\/login$/.test(asked.path)) return this.#logIn(asked);
    const token = this.tokens.get(asked.token);
    if (token === undefined || token.namespace !== asked.namespace) return refusal(403, 'permission denied', 'invalid token');
    if (asked.path === 'auth/token/renew-self') return this.#renew(asked.token);
    if (asked.path === 'auth/token/lookup-self') return this.#lookUp(asked.token);
    if (asked.token === this.rootToken && /^(sys|auth)\//.test(asked.path)) return this.#administer(asked);
    return this.intercept(asked, () => this.#logical(asked, query, token.policies, standby));
  }

  #logIn({ path, body, namespace }: Asked): Answer {
    const policies = this.#logins.get(`${path} ${JSON.stringify(body)}`);
    if (policies === undefined) return refusal(400, 'invalid role or secret ID');
    const token = this.tokens.issue(policies, this.life, namespace);
    return { status: 200, body: { auth: { client_token: token, lease_duration: this.life.ttl, renewable: this.life.ttl > 0 } } };
  }

  #renew(token: string): Answer {
    const seconds = this.tokens.renew(token);
    if (seconds === null) return refusal(403, 'permission denied');
    return { status: 200, body: { auth: { client_token: token, lease_duration: seconds, renewable: seconds > 0 } } };
  }

  #lookUp(token: string): Answer {
    const seconds = this.tokens.secondsLeft(token);
    return { status: 200, body: { data: { ttl: seconds, renewable: seconds > 0 } } };
  }

  /** Policies and tokens, as far as tests make them by the API. */
  #administer({ path, body }: Asked): Answer {
    const [, name] = /^sys\/policies\/acl\/(.+)$/.exec(path) ?? [];
    if (name !== undefined) {
      this.#policies.set(name, parsePolicy(String(body.policy)));
      return { status: 204 };
    }
    const names = Array.isArray(body.policies) ? body.policies : [];
    const token = this.tokens.issue(
      names.flatMap((each) => this.#policies.get(String(each)) ?? []).map((rule) => [rule]),
      { ttl: 600, maxTtl: 3_600 },
    );
    return { status: 200, body: { auth: { client_token: token, lease_duration: 600, renewable: true } } };
  }

  #logical({ method, path, namespace, body }: Asked, query: URLSearchParams, policies: readonly Policy[], standby: boolean): Answer {
    const listing = query.get('list') === '1' || query.get('list') === 'true';
    const operation = method === 'GET' ? (listing ? 'list' : 'read') : method === 'DELETE' ? 'delete' : 'write';
    const [mount = '', kind = '', ...rest] = path.split('/');
    const engine = this.#mounts.get(`${namespace}|${mount}`);
    const creates = (kind === 'data' || kind === 'metadata') && !engine?.exists(rest.join('/'));
    const capability = operation === 'write' ? (creates ? 'create' : 'update') : operation;
    if (!allows(policies, operation === 'list' ? `${path}/` : path, capability)) {
      return refusal(403, '1 error occurred:\n\t* permission denied\n\n');
    }
    if (engine === undefined) return refusal(404, `no handler for route "${path}". route entry not found.`);
    const from = standby && this.stale !== null && method === 'GET' ? this.stale : engine;
    return from.handle(kind, rest.join('/'), operation, body, Number(query.get('version') ?? 0));
  }
}

export interface StartedDouble {
  readonly vault: VaultDouble;
  readonly address: string;
  /** Another node of the same cluster. */
  readonly standbyAddress: string;
}

export async function startVaultDouble(t: Teardown, options: DoubleOptions = {}): Promise<StartedDouble> {
  const vault = new VaultDouble(options);
  const address = await listen(t, vault, false);
  vault.address = address;
  return { vault, address, standbyAddress: await listen(t, vault, true) };
}

async function listen(t: Teardown, vault: VaultDouble, standby: boolean): Promise<string> {
  const server = createServer((request, response) => void respond(vault, request, response, standby));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the double has no port');
  return `http://127.0.0.1:${bound.port}`;
}

async function respond(vault: VaultDouble, request: IncomingMessage, response: ServerResponse, standby: boolean): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const url = new URL(request.url ?? '/', 'http://double');
  const asked: Asked = {
    method: request.method ?? '',
    path: url.pathname.replace(/^\/v1\//, ''),
    namespace: String(request.headers['x-vault-namespace'] ?? ''),
    token: String(request.headers['x-vault-token'] ?? ''),
    body: parsed(Buffer.concat(chunks).toString('utf8')),
  };
  const answer = await vault.answer(asked, url.searchParams, standby);
  if (answer === null) return void request.socket.destroy();
  response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
  response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
}

function parsed(text: string): Record<string, unknown> {
  const value: unknown = text === '' ? {} : JSON.parse(text);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
