import type { IncomingHttpHeaders } from 'node:http';
import type { Millis } from './clock.ts';
import { KeyturnError } from './errors.ts';
import { refusalOf } from './refusal.ts';
import type { Reply, Transport } from './transport.ts';
import { type KeysAnswer, parseKeys, parseLease, parseRefresh } from './wire.ts';

export interface KeysQuestion {
  readonly name: string;
  readonly token: string;
  readonly instance: string;
  /** Of the answer at hand; null = there is none. */
  readonly etag: string | null;
  /** Seconds that the service may hold the request; 0 = not at all. */
  readonly waitSeconds: number;
  readonly timeout: Millis;
  readonly signal: AbortSignal;
  readonly inBackground: boolean;
}

export interface Changed extends KeysAnswer {
  readonly changed: true;
  readonly etag: string;
  /** The parsed answer as it came, for the cache. */
  readonly body: unknown;
}

export interface Unchanged {
  readonly changed: false;
  readonly leaseSeconds: number;
  /** Null where the service did not say: as before. */
  readonly refreshSeconds: number | null;
}

const ETAG = /^(?:W\/)?"[\x21\x23-\x7e]{0,200}"$/;

/** @throws KeyturnError what the service or the network said instead of keys */
export async function askForKeys(transport: Transport, question: KeysQuestion): Promise<Changed | Unchanged> {
  const { name, etag, waitSeconds, timeout, signal, inBackground } = question;
  const wait = waitSeconds > 0 && etag !== null ? `?wait=${waitSeconds}` : '';
  const reply = await transport.get({
    path: `/v1/keyrings/${name}/keys${wait}`,
    headers: headersOf(question),
    timeout: timeout + waitSeconds * 1_000,
    signal,
    inBackground,
  });
  if (reply.status === 304) return renewal(reply, etag);
  if (reply.status !== 200 || !isJson(reply.headers)) throw refusalOf(reply);
  const body = parseJson(reply.text);
  return { changed: true, ...parseKeys(body, name), etag: etagOf(reply.headers), body };
}

function headersOf({ token, instance, etag }: KeysQuestion): Record<string, string> {
  const headers = {
    accept: 'application/json',
    authorization: `Bearer ${token}`,
    'keyturn-instance': instance,
    'user-agent': 'keyturn-client-node',
  };
  return etag === null ? headers : { ...headers, 'if-none-match': etag };
}

/** Only a 304 for the very answer at hand renews its lease. */
function renewal({ headers }: Reply, etag: string | null): Unchanged {
  if (etag === null || headers.etag !== etag) throw badHeader('ETag');
  const refresh = headers['keyturn-refresh'];
  return {
    changed: false,
    leaseSeconds: parseLease(toNumber(headers['keyturn-lease']), 'Keyturn-Lease'),
    refreshSeconds: refresh === undefined ? null : parseRefresh(toNumber(refresh), 'Keyturn-Refresh'),
  };
}

function toNumber(header: string | string[] | undefined): number | null {
  return typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : null;
}

function etagOf({ etag }: IncomingHttpHeaders): string {
  if (etag === undefined || !ETAG.test(etag)) throw badHeader('ETag');
  return etag;
}

function isJson(headers: IncomingHttpHeaders): boolean {
  return /^application\/json\b/i.test(headers['content-type'] ?? '');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new KeyturnError('bad_answer', 'The answer is not JSON although it says so: see what stands between this host and the service.');
  }
}

function badHeader(name: string): KeyturnError {
  return new KeyturnError('bad_answer', `The header ${name} of the answer is missing or wrong: see whether a proxy changes answers.`);
}
