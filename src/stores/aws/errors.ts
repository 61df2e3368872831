import { codeOf, type ErrorCode, KeyturnError } from '../../core/errors.ts';
import { type Millis, SECOND } from '../../core/time.ts';

/** What a failed call means: the error to pass on, and whether sending it again may help. */
export interface Failure {
  readonly error: KeyturnError;
  readonly again: boolean;
  /** What the answer asked us to wait; null = it did not say. */
  readonly wait: Millis | null;
}

/** The names of AWS's errors, by what they ask for. */
const THROTTLED = /Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|BandwidthLimitExceeded/;
const CLOCK = /RequestTimeTooSkewed|RequestExpired|RequestInTheFuture/;
const CREDENTIALS =
  /ExpiredToken|CredentialsProviderError|UnrecognizedClient|InvalidClientTokenId|InvalidSignature|MissingAuthenticationToken|IncompleteSignature|TokenProviderError|SignatureDoesNotMatch/;
const DENIED = /AccessDenied|NotAuthorized|OptInRequired/;
const KMS = /DecryptionFailure|EncryptionFailure|KMS/;
const FULL = /LimitExceeded|ServiceQuotaExceeded/;
const NETWORK =
  /TimeoutError|AbortError|ECONN|ENOTFOUND|EAI_AGAIN|EPIPE|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|NetworkingError|UND_ERR|socket hang up/;

/**
 * What a failure of the SDK means. The SDK's own error is never passed on: it may carry what was sent. Its cause says the name, the status and
 * AWS's request id, and no more.
 * @param action as IAM names it, such as `PutSecretValue`
 */
export function failureOf(thrown: unknown, action: string): Failure {
  if (thrown instanceof KeyturnError) return { error: thrown, again: false, wait: null };
  const name = nameOf(thrown);
  const status = statusOf(thrown);
  const extras = { cause: causeOf(name, status, thrown) };
  const fail = (code: ErrorCode, message: string, again = false): Failure => ({
    error: new KeyturnError(code, message, extras),
    again,
    wait: waitOf(thrown),
  });
  if (THROTTLED.test(name) || status === 429) return fail('store_unavailable', throttled(action), true);
  if (CLOCK.test(name)) return fail('store_unavailable', SKEWED, true);
  if (CREDENTIALS.test(name)) return fail('store_unavailable', REFUSED_CREDENTIALS, /ExpiredToken/.test(name));
  if (DENIED.test(name)) return fail(isWrite(action) ? 'store_read_only' : 'store_unavailable', denied(action));
  if (KMS.test(name)) return fail('store_unavailable', KMS_REFUSED);
  if (FULL.test(name))
    return fail('store_full', 'AWS Secrets Manager holds no more secrets for this account. Raise the quota, or purge keyrings.');
  if (status !== null && status >= 500) return fail('store_unavailable', silent(action), true);
  if (NETWORK.test(name)) return fail('store_unavailable', silent(action), true);
  return fail('store_unavailable', `AWS Secrets Manager refused ${action}. Look at the cause in the log.`);
}

/** The name of AWS's error, or of the network's. */
export function nameOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'unknown';
  return 'code' in thrown && typeof thrown.code === 'string' ? `${thrown.name} ${thrown.code}` : thrown.name;
}

/** A write that AWS refused to this caller: looked at by `check`, which writes nothing itself. */
export function isRefusedWrite(error: unknown): boolean {
  return codeOf(error) === 'store_read_only' || codeOf(error) === 'store_full';
}

function isWrite(action: string): boolean {
  return !/^(Get|List|BatchGet)/.test(action);
}

function statusOf(thrown: unknown): number | null {
  const metadata = fieldOf(thrown, '$metadata');
  const status = fieldOf(metadata, 'httpStatusCode');
  return typeof status === 'number' ? status : null;
}

function waitOf(thrown: unknown): Millis | null {
  const after = fieldOf(fieldOf(fieldOf(thrown, '$response'), 'headers'), 'retry-after');
  return typeof after === 'string' && /^\d{1,4}$/.test(after) ? Number(after) * SECOND : null;
}

function causeOf(name: string, status: number | null, thrown: unknown): Error {
  const id = fieldOf(fieldOf(thrown, '$metadata'), 'requestId');
  const request = typeof id === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(id) ? `, request ${id}` : '';
  return new Error(`${name.slice(0, 100)}${status === null ? '' : ` (status ${status})`}${request}`);
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
}

const SKEWED = 'AWS refuses our time: the clock of this machine is wrong. Set it right (NTP).';
const REFUSED_CREDENTIALS =
  'AWS does not take our credentials: they are missing, wrong or expired. Give this process a role, or renew what the default chain finds.';
const KMS_REFUSED =
  'The KMS key of the secrets cannot be used. Check that it is enabled and that our role may use it (kms:Decrypt, kms:GenerateDataKey).';

function denied(action: string): string {
  return `AWS denies secretsmanager:${action} to our role. Grant what docs/stores-aws.md lists.`;
}

function throttled(action: string): string {
  return `AWS Secrets Manager is throttling ${action}. It was tried several times; it is tried again later.`;
}

function silent(action: string): string {
  return `AWS Secrets Manager does not answer ${action}. Look at the network, the endpoint and the AWS health page.`;
}
