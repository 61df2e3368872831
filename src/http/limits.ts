import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type ErrorCode, KeyturnError } from '../core/errors.ts';
import { addressOf } from './address.ts';
import type { HttpSettings } from './deps.ts';

/** Turns a failure into `rate_limited` when its address has failed too often; otherwise hands it back. */
export type FailureLimit = (error: KeyturnError, request: FastifyRequest) => Promise<KeyturnError>;

const MISSES: ReadonlySet<ErrorCode> = new Set(['route_not_found', 'keyring_not_found', 'version_not_found', 'token_not_found']);

/**
 * Limits failures per address, never successes: whoever shares an address with an attacker, behind a proxy or a NAT, is served all the same, and
 * thousands of instances may start at once.
 */
export async function failureLimit(app: FastifyInstance, { failedAuthPerMinute, notFoundPerMinute }: HttpSettings): Promise<FailureLimit> {
  await app.register(rateLimit, { global: false, timeWindow: '1 minute', cache: 10_000 });
  const authentication = app.createRateLimit({ max: failedAuthPerMinute, keyGenerator: (request) => `auth ${addressOf(request)}` });
  const misses = app.createRateLimit({ max: notFoundPerMinute, keyGenerator: (request) => `miss ${addressOf(request)}` });
  return async (error, request) => {
    const limit = error.code === 'unauthenticated' ? authentication : MISSES.has(error.code) ? misses : null;
    if (limit === null) return error;
    const state = await limit(request);
    return state.isAllowed || !state.isExceeded ? error : tooMany(state.ttlInSeconds);
  };
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
