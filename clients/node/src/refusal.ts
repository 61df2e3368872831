import { type ErrorCode, KeyturnError } from './errors.ts';
import type { Reply } from './transport.ts';

type Refusal = readonly [code: ErrorCode, message: string];

/** By the code of the service's problem document. */
const WORDS: Readonly<Record<string, Refusal>> = {
  unauthenticated: [
    'wrong_token',
    'The service does not know the token: it was revoked, has expired, or belongs to another service. Issue a new one.',
  ],
  forbidden: ['forbidden', 'The token may not read this keyring: issue one with the role app for it.'],
  keyring_not_found: [
    'keyring_gone',
    'There is no such keyring, or the token may not see it: check its name, and what the token may touch.',
  ],
  keyring_deleted: ['keyring_gone', 'The keyring is deleted: an operator can still restore it.'],
  route_not_found: ['wrong_url', 'The service has no such path: check that the URL ends before /v1.'],
};

/** After these nothing may be kept for a later start: the service itself took the right to the keys away. */
const FINAL: readonly ErrorCode[] = ['wrong_token', 'forbidden', 'keyring_gone'];

export function isFinal(code: ErrorCode | null): boolean {
  return code !== null && FINAL.includes(code);
}

/**
 * What an answer without keys means. A refusal needs the service's own word, a problem document: a proxy that says 403 or 404 is an
 * outage, and an outage is never absence.
 */
export function refusalOf(reply: Reply): KeyturnError {
  const { status, headers } = reply;
  if (status >= 300 && status < 400)
    return new KeyturnError('redirected', 'The answer is a redirect, which is not followed: give the URL it leads to, if it is right.');
  const [code, message] = status >= 500 || status === 429 ? unavailable(status) : (wordOf(reply) ?? notKeyturn(status));
  const retryAfter = headers['retry-after'];
  const extras = retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? { retryAfterSeconds: Number(retryAfter) } : {};
  return new KeyturnError(code, message, extras);
}

function wordOf({ status, headers, text }: Reply): Refusal | null {
  if (status < 400 || !/^application\/problem\+json\b/i.test(headers['content-type'] ?? '')) return null;
  try {
    const problem: unknown = JSON.parse(text);
    if (typeof problem !== 'object' || problem === null || !('code' in problem)) return null;
    const { code } = problem;
    return typeof code === 'string' && Object.hasOwn(WORDS, code) ? (WORDS[code] ?? null) : null;
  } catch {
    return null;
  }
}

function unavailable(status: number): Refusal {
  return ['unavailable', `The service cannot answer now (status ${status}): its log says why.`];
}

function notKeyturn(status: number): Refusal {
  return ['not_keyturn', `What answered (status ${status}) is not a Keyturn service: check the URL, and what stands between.`];
}
