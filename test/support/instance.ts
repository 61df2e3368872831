import type { TestService } from './service.ts';

/** An application process that reads keys as the clients do: it keeps the ETag and sends it back. */
export class TestInstance {
  readonly #service: TestService;
  readonly #name: string | null;
  readonly #token: string;
  #etag: string | null = null;

  constructor(service: TestService, name: string | null, token: string = service.admin) {
    this.#service = service;
    this.#name = name;
    this.#token = token;
  }

  /** @returns the status: 200 with keys, 304 for the ones at hand */
  async ask(keyring = 'web', waitSeconds = 0): Promise<number> {
    const headers = {
      ...(this.#name !== null && { 'keyturn-instance': this.#name }),
      ...(this.#etag !== null && { 'if-none-match': this.#etag }),
    };
    const url = `/v1/keyrings/${keyring}/keys${waitSeconds === 0 ? '' : `?wait=${waitSeconds}`}`;
    const { status, headers: answered } = await this.#service.call({ url, token: this.#token, headers });
    this.#etag = answered.etag ?? this.#etag;
    return status;
  }
}

/** Creates a keyring; 24 h of lease, 30 s of skew, no schedule. */
export async function createWeb(service: TestService): Promise<void> {
  await service.call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web', policy: { schedule: null } } });
}

export async function rotateWeb(service: TestService, kind = 'scheduled'): Promise<void> {
  await service.call({ method: 'POST', url: '/v1/keyrings/web/rotate', payload: { kind, reason: 'test' } });
}

/** The version that signs. */
export async function signing(service: TestService): Promise<number> {
  const { body } = await service.call({ url: '/v1/keyrings/web' });
  return body.versions.find(({ role }: { role: string }) => role === 'current').version;
}
