import type createNodeVault from 'node-vault';
import { type Answer, NoAnswer, Transport } from './transport.ts';

export interface VaultRequest {
  readonly method: 'GET' | 'LIST' | 'POST';
  /** Below `/v1/`. */
  readonly path: string;
  readonly body?: object;
  /** Null for a login. */
  readonly token: string | null;
  readonly signal: AbortSignal;
}

export interface VaultHttp {
  /** One request, one answer, whatever its status. @throws NoAnswer */
  ask(request: VaultRequest): Promise<Answer>;
  close(): void;
}

export interface VaultHttpOptions {
  readonly address: string;
  readonly namespace: string | null;
  readonly caFile: string | null;
}

/**
 * node-vault, reduced to its raw calls, over a transport of our own. What it takes from the environment by itself (VAULT_ADDR, VAULT_TOKEN,
 * VAULT_NAMESPACE, VAULT_PREFIX, VAULT_SKIP_VERIFY, DEBUG) is switched off: settings come from the config.
 */
export async function vaultHttp({ address, namespace, caFile }: VaultHttpOptions): Promise<VaultHttp> {
  const { default: connect } = await import('node-vault');
  const transport = new Transport(address, caFile);
  const vault = connect({
    endpoint: address.replace(/\/$/, ''),
    debug: () => undefined,
    // GET with `?list=1`: proxies, and Node's own parser, do not know the method LIST
    noCustomHTTPVerbs: true,
    'request-promise': { defaults: () => sendThrough(transport) },
  });
  Object.assign(vault, { token: '', namespace: '', pathPrefix: '', handleVaultResponse: async (answer: unknown) => answer });
  return {
    async ask({ method, path, body, token, signal }) {
      const headers = {
        // proves that the request is meant for Vault: a Vault Agent or proxy in between may insist on it
        'X-Vault-Request': 'true',
        ...(namespace === null ? {} : { 'X-Vault-Namespace': namespace }),
        ...(token === null ? {} : { 'X-Vault-Token': token }),
      };
      return answerOf(await call(vault, method, path, body, { headers, signal }));
    },
    close: () => transport.close(),
  };
}

type NodeVault = Pick<ReturnType<typeof createNodeVault>, 'read' | 'list' | 'write'>;

function call(vault: NodeVault, method: VaultRequest['method'], path: string, body: object | undefined, options: object): Promise<unknown> {
  if (method === 'GET') return vault.read(path, options);
  if (method === 'LIST') return vault.list(path, options);
  return vault.write(path, body ?? {}, options);
}

/** How node-vault calls a transport that was given to it. */
interface NodeVaultCall {
  readonly method: string;
  readonly uri: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly json?: object;
  readonly signal: AbortSignal;
}

function sendThrough(transport: Transport) {
  return ({ method, uri, headers, json, signal }: NodeVaultCall): Promise<Answer> =>
    transport.send({ method, url: new URL(uri), headers, body: json === undefined ? null : JSON.stringify(json), signal });
}

function answerOf(value: unknown): Answer {
  if (typeof value === 'object' && value !== null && 'status' in value && 'retryAfter' in value && 'body' in value) {
    const { status, body, retryAfter } = value;
    if (typeof status === 'number' && (retryAfter === null || typeof retryAfter === 'number')) return { status, body, retryAfter };
  }
  throw new NoAnswer('no answer', true);
}
