import { KeyturnError } from '../errors.ts';
import { type Keyring, MAX_REQUESTS, type Request } from '../keyring.ts';

/**
 * The request of the same Idempotency-Key that this document has already answered; null when it is new.
 * @throws KeyturnError `idempotency_mismatch` where the key was used to ask for something else
 */
export function answeredRequest(keyring: Keyring, key: string, body: string): Request | null {
  const answered = keyring.requests.find((request) => request.key === key);
  if (answered === undefined) return null;
  if (answered.body === body) return answered;
  throw new KeyturnError('idempotency_mismatch', 'This Idempotency-Key was used for another request. Use a new key for a new request.');
}

/** The document with the request remembered, in the same swap as what it asked for. */
export function rememberRequest(keyring: Keyring, request: Request): Keyring {
  return { ...keyring, requests: [request, ...keyring.requests].slice(0, MAX_REQUESTS) };
}
