import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, freePort, ready } from './children.ts';

export const KEYRING = 'shop';

/** The service in a process of its own: it can be stopped, frozen, killed and started again on the same data. */
export class KeyturnService {
  readonly port: number;
  /** Of the workers' token. */
  readonly tokenFile: string;
  readonly #folder: string;
  #child: Child | null = null;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
    this.tokenFile = join(folder, 'app.token');
  }

  static async start(folder: string, policy: object): Promise<KeyturnService> {
    const own = join(folder, 'keyturn');
    mkdirSync(own);
    const service = new KeyturnService(await freePort(), own);
    await service.start();
    await service.call('POST', '/v1/keyrings', { name: KEYRING, policy, reason: 'the fleet proof' });
    const { token } = await service.call('POST', '/v1/tokens', { name: 'fleet', roles: ['app'], keyrings: [KEYRING] });
    writeFileSync(service.tokenFile, token, { mode: 0o600 });
    return service;
  }

  async start(): Promise<void> {
    const env = { KEYTURN_PORT: String(this.port), KEYTURN_DATA_DIR: this.#folder, KEYTURN_LOG_LEVEL: 'warn' };
    const child = new Child([process.execPath, 'src/main.ts', 'serve'], env, join(this.#folder, 'service.log'));
    this.#child = child;
    await ready(child, 'The service', async () => (await fetch(`http://127.0.0.1:${this.port}/readyz`)).ok);
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#child?.end(signal);
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.signal(name);
  }

  // biome-ignore lint/suspicious/noExplicitAny: the answers of an HTTP API, read as they are
  async call(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<any> {
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#admin()}`, ...(body && { 'content-type': 'application/json' }), ...headers },
      signal: AbortSignal.timeout(10_000),
      ...(body && { body: JSON.stringify(body) }),
    });
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const said: any = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${said.detail}`);
    return said;
  }

  #admin(): string {
    return readFileSync(join(this.#folder, 'admin.token'), 'utf8').trim();
  }
}
