/** Every way in which this client says no. A code is stable: programs branch on it, messages may change. */
export const ERROR_CODES = [
  // what the application gave
  'config',
  // what the service said
  'wrong_token',
  'forbidden',
  'keyring_gone',
  'unavailable',
  // what answered was no Keyturn service, or nothing answered
  'wrong_url',
  'not_keyturn',
  'redirected',
  'unreachable',
  'tls_failure',
  'truncated',
  'too_large',
  // an answer that must not be used
  'bad_answer',
  'bad_key',
  'stale_answer',
  // the cache file
  'bad_cache',
  'clock_jump',
  // the keys at hand
  'no_keys',
  'lease_ended',
  'unknown_key',
  'closed',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface ErrorExtras {
  /** Seconds after which the service wants to be asked again. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** Failures of the caller's token or of a token's key id; everything else is the service's or the host's trouble. */
const CALLERS_FAULT: readonly ErrorCode[] = ['unknown_key'];

/**
 * The one error type of this client. `message` says what happened and what to do next, and never carries a key, a token or what another
 * system answered.
 */
export class KeyturnError extends Error {
  override readonly name = 'KeyturnError';
  readonly code: ErrorCode;
  readonly retryAfterSeconds: number | null;
  /** What Express and Fastify answer where nobody catches it: 503, or 401 for a token signed by no key of the keyring. */
  readonly statusCode: number;

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, 'cause' in extras ? { cause: extras.cause } : undefined);
    this.code = code;
    this.retryAfterSeconds = extras.retryAfterSeconds ?? null;
    this.statusCode = CALLERS_FAULT.includes(code) ? 401 : 503;
  }
}

/** The code of a failure; null for an error that is not ours. */
export function codeOf(error: unknown): ErrorCode | null {
  return error instanceof KeyturnError ? error.code : null;
}
