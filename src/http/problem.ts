import type { FastifyError } from 'fastify';
import { type ErrorCode, type Fault, KeyturnError } from '../core/errors.ts';
import { PLAIN_TEXT } from './schemas/common.ts';

/** The one table from error code to HTTP status and title (RFC 9457). A code without a row does not compile. */
export const PROBLEMS: Readonly<Record<ErrorCode, readonly [status: number, title: string]>> = {
  invalid_request: [400, 'The request is not valid'],
  invalid_policy: [422, 'The policy is not sound'],
  weak_key: [422, 'The key is too weak'],
  body_too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'The body must be JSON'],
  headers_too_large: [431, 'The headers are too large'],
  request_timeout: [408, 'The request did not arrive in time'],
  unauthenticated: [401, 'Authentication is needed'],
  forbidden: [403, 'Not allowed'],
  rate_limited: [429, 'Too many failed requests'],
  route_not_found: [404, 'No such path'],
  keyring_not_found: [404, 'No such keyring'],
  version_not_found: [404, 'No such version'],
  token_not_found: [404, 'No such token'],
  keyring_exists: [409, 'The keyring exists'],
  keyring_deleted: [410, 'The keyring is deleted'],
  keyring_not_deleted: [409, 'The keyring is not deleted'],
  rotation_under_way: [409, 'A rotation is under way'],
  version_ended: [409, 'The version has ended'],
  too_many_keys: [409, 'Too many keys still verify'],
  token_protected: [409, 'The token is protected'],
  precondition_required: [428, 'If-Match is needed'],
  precondition_failed: [412, 'It has changed since'],
  idempotency_mismatch: [422, 'The Idempotency-Key was used for something else'],
  conflict: [409, 'Others changed it at the same time'],
  nothing_to_export: [409, 'Nothing to export'],
  export_mismatch: [409, 'The export does not fit the log'],
  verification_under_way: [429, 'A verification is under way'],
  store_unavailable: [503, 'The store does not answer'],
  store_full: [507, 'The store is full'],
  store_read_only: [503, 'The store cannot be written'],
  store_locked: [503, 'The store is in use'],
  audit_unavailable: [503, 'The audit log cannot be written'],
  lease_exhausted: [503, 'The keys are too old to serve'],
  clock_behind: [503, 'The clock is behind'],
  material_missing: [500, 'Key material is missing'],
  material_exists: [500, 'Key material exists'],
  corrupt_document: [500, 'A keyring document is corrupt'],
  corrupt_material: [500, 'Key material is corrupt'],
  wrong_master_key: [500, 'The master key is wrong'],
  corrupt_backup: [500, 'The backup is corrupt'],
  backup_not_configured: [409, 'No recipient of backups is configured'],
  invalid_config: [500, 'The configuration is not valid'],
  shutting_down: [503, 'The service is stopping'],
  internal: [500, 'Something went wrong'],
};

/** In front of a code it is the `type` of its problems: a name, not an address. `docs/problems.md` explains each. */
export const PROBLEM_TYPE_BASE = 'urn:keyturn:problem:';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly requestId: string;
  readonly faults?: readonly Fault[];
}

export function problemOf(error: KeyturnError, requestId: string): Problem {
  const [status, title] = PROBLEMS[error.code];
  const { code, message: detail, faults } = error;
  return { type: `${PROBLEM_TYPE_BASE}${code}`, title, status, detail, code, requestId, ...(faults.length > 0 && { faults }) };
}

/** Whatever was thrown as an error of ours: framework errors by their meaning, everything else as `internal`, which says nothing. */
export function toKeyturnError(error: unknown): KeyturnError {
  if (error instanceof KeyturnError) return error;
  return (
    fromFramework(error) ??
    new KeyturnError('internal', 'An unexpected error happened. The log has it under this request id.', { cause: error })
  );
}

function fromFramework(error: unknown): KeyturnError | null {
  if (!isFastifyError(error)) return null;
  if (error.validation !== undefined) return invalidRequest(error);
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new KeyturnError('body_too_large', 'The body is larger than this service accepts. No request of the API needs so much.');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new KeyturnError('unsupported_media_type', 'Send the body as JSON, with Content-Type: application/json.');
    case 'FST_ERR_BAD_URL':
      return new KeyturnError('invalid_request', 'The path is not well-formed: percent-encode it, as UTF-8.');
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new KeyturnError('invalid_request', 'A part of the path is longer than any name can be.');
    default:
      return is4xx(error)
        ? new KeyturnError('invalid_request', 'The request cannot be read: check that its body is well-formed JSON.')
        : null;
  }
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && ('validation' in error || 'code' in error || 'statusCode' in error);
}

function is4xx({ statusCode }: FastifyError): boolean {
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500;
}

const MAX_FAULTS = 20;
const NOT_PLAIN = 'must be plain text: no control characters, line breaks or marks of text direction';

function invalidRequest(error: FastifyError): KeyturnError {
  const where = error.validationContext ?? 'body';
  // The validator reports an unknown field twice: by its name, and as a schema that is false.
  const all = (error.validation ?? []).filter(({ keyword }) => keyword !== 'boolean');
  // What may be null is told apart in branches: that it is not null either, and that no branch fits, says nothing more.
  const telling = all.filter(({ keyword, params }) => keyword !== 'anyOf' && params.type !== 'null');
  const told = (telling.length > 0 ? telling : all).slice(0, MAX_FAULTS);
  const faults = told.map(({ instancePath, message, params }) => ({
    path: `${where}${instancePath}`,
    message: `${params.pattern === PLAIN_TEXT ? NOT_PLAIN : (message ?? 'is not valid')}${unknownFields(params)}`,
  }));
  const said = faults.map(({ path, message }) => `${path} ${message}`).join('; ');
  return new KeyturnError('invalid_request', `The request does not fit the API: ${said}.`, { faults });
}

/** A field name that may come back. Others could be a key or a token that slipped to the wrong side of a colon. */
const QUOTABLE = /^[A-Za-z_-]{1,40}$/;

/** Names only, bounded; values of the request never come back. */
function unknownFields({ additionalProperties: names }: Record<string, unknown>): string {
  if (!Array.isArray(names)) return '';
  const quotable = names.filter((name) => QUOTABLE.test(String(name))).slice(0, 5);
  return quotable.length === 0 ? '' : `: ${quotable.join(', ')}`;
}
