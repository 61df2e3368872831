import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Keyring, type KeyringOptions, openKeyring } from '../../../clients/node/src/index.ts';

/** What of a tap test this needs. */
export interface Teardown {
  teardown(action: () => unknown): void;
}

export interface Asked {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** The key of a version in tests: a hash of its number. */
export function keyOf(version: number): string {
  return createHash('sha256').update(`test key ${version}`).digest('hex');
}

/**
 * The keys call of a service in miniature, on 127.0.0.1 and a free port. A test moves its versions: `publish`, `promote`, `emergency`.
 */
export class KeysService {
  readonly asked: Asked[] = [];
  leaseSeconds = 3_600;
  refreshSeconds = 60;
  current = 1;
  next: number | null = null;
  previous: number[] = [];
  /** Keys in place of `keyOf`, such as a weak one. */
  readonly keys = new Map<number, string>();
  /** Answers instead, while it is set. */
  instead: Handler | null = null;
  url = '';
  readonly #server = createServer((request, response) => this.#answer(request, response));

  static async start(t: Teardown): Promise<KeysService> {
    const service = new KeysService();
    await new Promise<void>((resolve) => service.#server.listen(0, '127.0.0.1', resolve));
    service.url = `http://127.0.0.1:${(service.#server.address() as AddressInfo).port}`;
    t.teardown(() => service.stop());
    return service;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  publish(): void {
    this.next = this.current + 1;
  }

  promote(): void {
    if (this.next === null) this.publish();
    this.previous = [this.current, ...this.previous];
    this.current = this.next ?? this.current;
    this.next = null;
  }

  /** A new key signs, all others are cut. */
  emergency(): void {
    this.current = (this.next ?? this.current) + 1;
    this.next = null;
    this.previous = [];
  }

  get etag(): string {
    return `"${this.current}.${this.next ?? 0}.${this.previous.join('-')}"`;
  }

  body(): unknown {
    const key = (version: number) => this.keys.get(version) ?? keyOf(version);
    const signing = (version: number) => ({ version, key: key(version), activatesAt: '2026-01-01T00:00:00.000Z' });
    return {
      name: 'web',
      revision: 'r',
      current: signing(this.current),
      previous: this.previous.map((version) => ({
        version,
        key: key(version),
        verifyUntil: '2036-01-01T00:00:00.000Z',
        ...(key(version).length < 32 && { weak: true }),
      })),
      next: this.next === null ? null : signing(this.next),
      refreshAfterSeconds: this.refreshSeconds,
      leaseSeconds: this.leaseSeconds,
    };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.asked.push({ path: request.url ?? '', headers: request.headers });
    if (this.instead === null) this.#answerKeys(request, response);
    else this.instead(request, response);
  }

  #answerKeys(request: IncomingMessage, response: ServerResponse): void {
    const headers = { etag: this.etag, 'keyturn-lease': this.leaseSeconds, 'keyturn-refresh': this.refreshSeconds };
    if (request.headers['if-none-match'] === this.etag) return void response.writeHead(304, headers).end();
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', ...headers });
    response.end(JSON.stringify(this.body()));
  }
}

export const TOKEN = 'keyturn_test-token';

/** A keyring of this service that asks only when the test says so, closed after the test. */
export async function openTestKeyring(t: Teardown, service: KeysService, options: KeyringOptions = {}): Promise<Keyring> {
  const keys = await openKeyring('web', { url: service.url, token: TOKEN, environment: {}, log: () => {}, ...options });
  t.teardown(() => keys.close());
  return keys;
}

/** A problem document as the service sends it. */
export function problem(status: number, code: string): Handler {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json; charset=utf-8' });
    response.end(JSON.stringify({ type: `https://keyturn.dev/problems/${code}`, title: 'A title', status, detail: 'A detail.', code }));
  };
}
