import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type ErrorCode, KeyturnError } from '../core/errors.ts';
import { type Millis, SECOND } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import { addressOf } from './address.ts';
import type { HttpSettings } from './deps.ts';

export interface FailureLimit {
  /** Turns a failure into `rate_limited` when its address has failed too often; otherwise hands it back. */
  judge(error: KeyturnError, request: FastifyRequest): Promise<KeyturnError>;
  /** What an address hears that has failed to authenticate too often, before anything is done for it; null = it may try. A token that is at hand is taken all the same. */
  beforehand(request: FastifyRequest): KeyturnError | null;
}

/** So many are remembered. */
const ADDRESSES = 10_000;
const MISSES: ReadonlySet<ErrorCode> = new Set(['route_not_found', 'keyring_not_found', 'version_not_found', 'token_not_found']);

/**
 * Limits failures per address, never successes: whoever shares an address with an attacker, behind a proxy or a NAT, is served all the same, and
 * thousands of instances may start at once.
 */
export async function failureLimit(
  app: FastifyInstance,
  { failedAuthPerMinute, notFoundPerMinute }: HttpSettings,
  clock: Pick<Clock, 'uptime'>,
): Promise<FailureLimit> {
  await app.register(rateLimit, { global: false, timeWindow: '1 minute', cache: ADDRESSES });
  const authentication = app.createRateLimit({ max: failedAuthPerMinute, keyGenerator: (request) => `auth ${addressOf(request)}` });
  const misses = app.createRateLimit({ max: notFoundPerMinute, keyGenerator: (request) => `miss ${addressOf(request)}` });
  const refused = new RefusedAddresses(clock);
  return {
    async judge(error, request) {
      const limit = error.code === 'unauthenticated' ? authentication : MISSES.has(error.code) ? misses : null;
      if (limit === null) return error;
      const state = await limit(request);
      if (state.isAllowed || !state.isExceeded) return error;
      if (limit === authentication) refused.add(addressOf(request), state.ttlInSeconds);
      return tooMany(state.ttlInSeconds);
    },
    beforehand(request) {
      const seconds = refused.secondsLeft(addressOf(request));
      return seconds === 0 ? null : tooMany(seconds);
    },
  };
}

/** Addresses that have failed too often, until they may try again; the oldest are forgotten first. */
class RefusedAddresses {
  readonly #clock: Pick<Clock, 'uptime'>;
  readonly #until = new Map<string, Millis>();

  constructor(clock: Pick<Clock, 'uptime'>) {
    this.#clock = clock;
  }

  add(address: string, seconds: number): void {
    this.#until.delete(address);
    this.#until.set(address, this.#clock.uptime() + seconds * SECOND);
    const [oldest] = this.#until.keys();
    if (this.#until.size > ADDRESSES && oldest !== undefined) this.#until.delete(oldest);
  }

  secondsLeft(address: string): number {
    const until = this.#until.get(address);
    return until === undefined ? 0 : Math.max(0, Math.ceil((until - this.#clock.uptime()) / SECOND));
  }
}

function tooMany(retryAfterSeconds: number): KeyturnError {
  return new KeyturnError(
    'rate_limited',
    'Too many failed requests come from this address. Check the token and the path, then wait as Retry-After says.',
    {
      retryAfterSeconds,
    },
  );
}
