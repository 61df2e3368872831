import { EXIT, Failure } from './failure.ts';

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there. Is the service running? Start it with: npm start',
  ENOTFOUND: 'its host name is not known. Check KEYTURN_URL.',
  EAI_AGAIN: 'its host name could not be looked up just now. Check KEYTURN_URL and the network.',
  ECONNRESET: 'the connection broke. If the service speaks TLS, KEYTURN_URL must begin with https://.',
  EPIPE: 'the connection broke.',
  ETIMEDOUT: 'it did not answer in time. Check KEYTURN_URL and the network.',
  EHOSTUNREACH: 'there is no way to that host. Check KEYTURN_URL and the network.',
  ABORT_ERR: 'it did not answer in time. Look into its log and into /readyz.',
  EPROTO: 'it does not speak TLS. Should KEYTURN_URL begin with http:// instead?',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS. Should KEYTURN_URL begin with http:// instead?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS. Should KEYTURN_URL begin with http:// instead?',
  ERR_INVALID_CHAR: 'the token holds characters that no token has. Check KEYTURN_TOKEN and KEYTURN_TOKEN_FILE.',
  CERT_HAS_EXPIRED: 'its certificate has expired.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host. Check KEYTURN_URL.',
};
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** A request that got no answer, in words with what to do. */
export function unreachable(url: string, cause: unknown): Failure {
  const code = codeOf(cause);
  const hint = UNTRUSTED.has(code)
    ? 'its certificate is signed by nobody this machine trusts. Name the authority in KEYTURN_CA_FILE.'
    : (HINTS[code] ?? (code.startsWith('HPE_') ? 'what answers there does not speak HTTP as expected. Check KEYTURN_URL.' : null));
  const origin = new URL(url).origin;
  return new Failure(EXIT.unreachable, `Cannot reach ${origin}: ${hint ?? 'the exchange failed.'}`, { code: code || null, cause });
}

/** Whether the service certainly did not see the request. */
export function wasNeverSent(cause: unknown): boolean {
  return ['ECONNREFUSED', 'ENOTFOUND', 'ERR_INVALID_CHAR'].includes(codeOf(cause)) || UNTRUSTED.has(codeOf(cause));
}

/** Says what is unknown after a change that got no answer, and how to find out without doing it twice. */
export function ambiguous(error: unknown, { method, requestKey }: { readonly method: string; readonly requestKey?: string }): unknown {
  const known = method === 'GET' || !(error instanceof Failure) || error.exitCode !== EXIT.unreachable || wasNeverSent(error.cause);
  if (known) return error;
  const how =
    requestKey === undefined
      ? 'Look before you try again: keyturn show NAME.'
      : `To find out without doing it twice, repeat the command with --idempotency-key ${requestKey}`;
  return new Failure(EXIT.unreachable, `${error.message} It may or may not have happened. ${how}`, {
    code: error.code,
    cause: error.cause,
  });
}

function codeOf(cause: unknown): string {
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return '';
  return typeof cause.code === 'string' ? cause.code : '';
}
