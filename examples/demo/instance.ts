import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Instant } from '../../src/core/time.ts';
import type { Clock } from '../../src/ports/clock.ts';

interface Keys {
  readonly etag: string;
  /** Signs. */
  readonly current: string;
  /** All of them verify. */
  readonly accepted: readonly string[];
}

/** An application server in miniature: holds keys under a lease, signs session cookies, verifies those of its neighbours. */
export class Instance {
  readonly name: string;
  readonly #app: FastifyInstance;
  readonly #token: string;
  readonly #clock: Clock;
  #keys: Keys | null = null;
  #leaseUntil: Instant = 0;

  constructor(name: string, app: FastifyInstance, token: string, clock: Clock) {
    this.name = name;
    this.#app = app;
    this.#token = token;
    this.#clock = clock;
  }

  /** Whether the lease still allows it to use its keys. */
  get serves(): boolean {
    return this.#keys !== null && this.#clock.now() < this.#leaseUntil;
  }

  /** Asks the service, and shows it at once what it has got: so rotations need not wait for its next refresh. */
  async refresh(): Promise<void> {
    if (await this.#ask()) await this.#ask();
  }

  /** The lease counts from before the question. @returns whether the keys are new */
  async #ask(): Promise<boolean> {
    const asked = this.#clock.now();
    const headers = {
      authorization: `Bearer ${this.#token}`,
      'keyturn-instance': this.name,
      ...(this.#keys && { 'if-none-match': this.#keys.etag }),
    };
    const answer = await this.#app.inject({ url: '/v1/keyrings/shop/keys', headers });
    if (answer.statusCode !== 200 && answer.statusCode !== 304) return false;
    this.#leaseUntil = asked + Number(answer.headers['keyturn-lease']) * 1_000;
    if (answer.statusCode === 304) return false;
    const { current, previous, next } = answer.json();
    const others = [...previous, ...(next === null ? [] : [next])].map(({ key }: { key: string }) => key);
    this.#keys = { etag: String(answer.headers.etag), current: current.key, accepted: [current.key, ...others] };
    return true;
  }

  sign(payload: string): string {
    return `${payload}.${mac(this.#held().current, payload)}`;
  }

  verify(cookie: string): boolean {
    return this.#held().accepted.some((key) => isSignedWith(key, cookie));
  }

  /** Whether the key that signs now would do without any other: what a bare swap of the key leaves. */
  verifiesWithCurrentAlone(cookie: string): boolean {
    return isSignedWith(this.#held().current, cookie);
  }

  #held(): Keys {
    if (this.#keys === null || !this.serves) throw new Error(`${this.name} holds no lease`);
    return this.#keys;
  }
}

function mac(key: string, payload: string): string {
  return createHmac('sha256', key).update(payload).digest('base64url');
}

function isSignedWith(key: string, cookie: string): boolean {
  const [payload = '', signature = ''] = cookie.split('.');
  const expected = Buffer.from(mac(key, payload));
  const given = Buffer.from(signature);
  return expected.length === given.length && timingSafeEqual(expected, given);
}
