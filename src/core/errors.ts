/**
 * Every way in which Keyturn says no. A code is stable: programs branch on it, messages may change.
 * `http/problem.ts` holds the one table from code to HTTP status.
 */
export const ERROR_CODES = [
  // the caller's input
  'invalid_request',
  'invalid_policy',
  'weak_key',
  'body_too_large',
  'unsupported_media_type',
  'headers_too_large',
  'request_timeout',
  // the caller
  'unauthenticated',
  'forbidden',
  'rate_limited',
  // what the caller asks about
  'route_not_found',
  'keyring_not_found',
  'version_not_found',
  'token_not_found',
  'keyring_exists',
  'keyring_deleted',
  'keyring_not_deleted',
  'rotation_under_way',
  'version_ended',
  'too_many_keys',
  'token_protected',
  // preconditions
  'precondition_required',
  'precondition_failed',
  'idempotency_mismatch',
  'conflict',
  'nothing_to_export',
  'export_mismatch',
  'verification_under_way',
  // the service and what it stands on
  'store_unavailable',
  'store_full',
  'store_read_only',
  'store_locked',
  'audit_unavailable',
  'lease_exhausted',
  'clock_behind',
  'material_missing',
  'material_exists',
  'corrupt_document',
  'corrupt_material',
  'wrong_master_key',
  'corrupt_backup',
  'backup_not_configured',
  'invalid_config',
  'shutting_down',
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** One fault of an input: where it is (a JSON-pointer-like path) and what to do about it. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

export interface ErrorExtras {
  /** Single faults, where one message cannot hold them. */
  readonly faults?: readonly Fault[];
  /** Seconds after which trying again makes sense. */
  readonly retryAfterSeconds?: number;
  /** The underlying failure, for the log only; never shown to a caller. */
  readonly cause?: unknown;
}

/**
 * The one error type of Keyturn. `message` is written for the caller: it says what happened and what to do next, and never
 * carries key material, tokens or another system's response.
 */
export class KeyturnError extends Error {
  override readonly name = 'KeyturnError';
  readonly code: ErrorCode;
  readonly faults: readonly Fault[];
  readonly retryAfterSeconds: number | null;

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, 'cause' in extras ? { cause: extras.cause } : undefined);
    this.code = code;
    this.faults = extras.faults ?? [];
    this.retryAfterSeconds = extras.retryAfterSeconds ?? null;
  }
}

/** The code of a failure; anything that is not ours is `internal`. */
export function codeOf(error: unknown): ErrorCode {
  return error instanceof KeyturnError ? error.code : 'internal';
}
