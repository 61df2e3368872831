import { type ErrorCode, KeyturnError } from '../../core/errors.ts';
import { type Answer, NoAnswer } from './transport.ts';

/** By the code of Node's errors. */
const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections: is it running there?',
  ENOTFOUND: 'has a host name that is unknown. Correct the address of the store',
  EAI_AGAIN: 'has a host name that cannot be looked up now',
  'given up': 'did not answer in time',
  'redirected in vain': 'is a standby that names no usable active node. Set api_addr there, or give the address of the active node',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'has a certificate that nothing here vouches for. Name its CA file',
  SELF_SIGNED_CERT_IN_CHAIN: 'has a certificate that nothing here vouches for. Name its CA file',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'has a certificate that nothing here vouches for. Name its CA file',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'has a certificate that nothing here vouches for. Name its CA file',
  CERT_HAS_EXPIRED: 'has a certificate that has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'has a certificate for another host name',
};

type Meaning = readonly [code: ErrorCode, sentence: string];

const STATUS: Readonly<Record<number, Meaning>> = {
  400: ['store_unavailable', 'does not take what Keyturn sends. Is the engine at this mount KV version 2?'],
  404: ['store_unavailable', 'knows no such path. Is the KV engine mounted there, and is the namespace right?'],
  405: ['store_unavailable', 'does not take what Keyturn sends. Is the engine at this mount KV version 2?'],
  412: ['store_unavailable', 'has not yet caught up with its own cluster'],
  413: ['store_full', 'takes no entry of this size: the document has grown too large'],
  429: ['store_unavailable', 'has too many requests, by a quota or as a standby. Raise the quota of Keyturn'],
  472: ['store_unavailable', 'is a disaster-recovery standby. Give the address of the primary'],
  473: ['store_unavailable', 'is a standby that serves reads only. Give the address of the active node'],
  503: ['store_unavailable', 'is sealed, or has no active node. Unseal it; Keyturn tries again by itself'],
  507: ['store_full', 'has no room left: nothing was changed. Make room'],
};

const FULL = /no space left|too large|quota exceeded/i;

/** There was no answer. */
export function silent(where: string, { code }: NoAnswer): KeyturnError {
  return new KeyturnError('store_unavailable', `Vault at ${where} ${NETWORK[code] ?? 'does not answer'}.`, { cause: new Error(code) });
}

/**
 * What an answer that is no success means. Nothing of the server's text goes on: it may quote what was sent.
 * @param writing a refused write is for an operator to mend, a refused read is an outage
 */
export function refused(where: string, { status, body, retryAfter }: Answer, writing: boolean): KeyturnError {
  const [code, sentence] = FULL.test(wordsOf(body)) ? full : status === 403 ? forbidden(writing) : (STATUS[status] ?? unknown);
  const extras = { cause: new Error(`HTTP ${status}`), ...(retryAfter === null ? {} : { retryAfterSeconds: Math.ceil(retryAfter) }) };
  return new KeyturnError(code, `Vault at ${where} ${sentence}.`, extras);
}

const full: Meaning = ['store_full', 'has no room for this entry: nothing was changed. Make room, or raise the limit of its storage'];
const unknown: Meaning = ['store_unavailable', 'has an error of its own. Look at its log'];

function forbidden(writing: boolean): Meaning {
  const sentence = 'does not allow this to the token of Keyturn: it has expired, or its policy lacks what docs/stores-vault.md lists';
  return [writing ? 'store_read_only' : 'store_unavailable', sentence];
}

/** The server's own words, to be compared with and never to be passed on. */
export function wordsOf(body: unknown): string {
  if (typeof body !== 'object' || body === null || !('errors' in body) || !Array.isArray(body.errors)) return '';
  return body.errors.filter((word) => typeof word === 'string').join('\n');
}

/** Whatever else was thrown on the way, without what it may carry. */
export function asFailure(where: string, error: unknown): unknown {
  if (error instanceof NoAnswer) return silent(where, error);
  if (error instanceof KeyturnError || !(error instanceof Error)) return error;
  return new KeyturnError('store_unavailable', `Vault at ${where} cannot be asked. Look at its log and at the network.`, {
    cause: new Error(error.name),
  });
}
