import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientSettings } from '../config/client.ts';
import type { Secret } from '../core/secret.ts';
import { EXIT, Failure } from './failure.ts';
import { refusalOf } from './problem.ts';
import { type Answer, exchange, exchangeInto } from './transport.ts';
import { ambiguous, unreachable, wasNeverSent } from './unreachable.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** From `/v1` on; its parts already encoded. */
  readonly path: string;
  /** Undefined values are left out. */
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Makes a POST safe to send again: the service answers a repetition with the first answer. */
  readonly requestKey?: string;
  /** Default: GET, and whatever has a `requestKey`. */
  readonly repeatable?: boolean;
  /** Statuses outside 2xx that are an answer too, and no failure. */
  readonly alsoTake?: readonly number[];
  /** Sent without the token. */
  readonly anonymous?: true;
}

export interface Client {
  /** Where it asks. @throws KeyturnError `invalid_config` */
  address(): Promise<string>;
  /** @throws Failure for whatever is not a 2xx answer of Keyturn */
  send(request: ApiRequest): Promise<Answer>;
  /** As `send`, once; the body of the answer goes into the sink. */
  receive(request: ApiRequest, sink: (body: AsyncIterable<Buffer>) => Promise<void>): Promise<Answer>;
}

export interface ClientOptions {
  /** For one attempt. Default 30 s. */
  readonly timeoutMillis?: number;
  /** Waits between attempts; replaced in tests. */
  readonly pause?: (millis: number) => Promise<unknown>;
}

type Sink = (body: AsyncIterable<Buffer>) => Promise<void>;

const NO_TOKEN =
  'No token was found. Name its file in KEYTURN_TOKEN_FILE; the first start of the service writes one to admin.token in its data folder.';
const ATTEMPTS = 3;
const FIRST_PAUSE = 500;
/** A longer Retry-After is for the caller to wait. */
const LONGEST_PAUSE = 5_000;
/** For one backup. */
const LONGEST_DOWNLOAD = 60 * 60 * 1_000;
const PASSING = new Set([429, 502, 503, 504]);

/** @param settings read at the first request, so that commands which ask nobody need none */
export function createClient(settings: () => ClientSettings | Promise<ClientSettings>, options: ClientOptions = {}): Client {
  const { timeoutMillis = 30_000, pause = sleep } = options;
  const attempt = async (request: ApiRequest, sink: Sink | null = null): Promise<Answer> => {
    const { url, token, caFile } = await settings();
    const ca = caFile === null ? null : await authority(caFile);
    const wanted = {
      url: address(url, request),
      method: request.method,
      headers: headersFor(request, request.anonymous === true ? null : token),
      body: request.body === undefined ? null : JSON.stringify(request.body),
      ca,
      timeoutMillis: sink === null ? timeoutMillis : LONGEST_DOWNLOAD,
    };
    const answer = await (sink === null ? exchange(wanted) : exchangeInto(wanted, sink)).catch((cause) => {
      throw cause instanceof Failure ? cause : unreachable(url, cause);
    });
    if (answer.status === 401 && token === null && request.anonymous !== true)
      throw new Failure(EXIT.unauthorised, NO_TOKEN, { code: 'unauthenticated' });
    return answer;
  };
  return {
    address: async () => (await settings()).url,
    send: (request) => sendPatiently(request, attempt, pause),
    receive: async (request, sink) => settle(request, await attempt(request, sink)),
  };
}

async function sendPatiently(
  request: ApiRequest,
  attempt: (request: ApiRequest) => Promise<Answer>,
  pause: (millis: number) => Promise<unknown>,
): Promise<Answer> {
  const attempts = isRepeatable(request) ? ATTEMPTS : 1;
  for (let count = 1; ; count += 1) {
    const outcome = await attempt(request).catch((error: unknown) => error);
    const taken = isAnswer(outcome) && isTaken(request, outcome.status);
    const wait = count < attempts && !taken ? pauseAfter(outcome, count) : null;
    if (wait === null) return settle(request, outcome);
    await pause(wait);
  }
}

function settle(request: ApiRequest, outcome: unknown): Answer {
  if (!isAnswer(outcome)) throw ambiguous(outcome, request);
  if (isTaken(request, outcome.status)) return outcome;
  const refusal = refusalOf(outcome);
  throw outcome.status >= 500 ? ambiguous(refusal, request) : refusal;
}

function isTaken({ alsoTake = [] }: ApiRequest, status: number): boolean {
  return (status >= 200 && status < 300) || alsoTake.includes(status);
}

/** Milliseconds to wait before trying again; null = do not. */
function pauseAfter(outcome: unknown, count: number): number | null {
  const backOff = FIRST_PAUSE * 3 ** (count - 1);
  if (!isAnswer(outcome)) return outcome instanceof Failure && !isFinal(outcome) ? backOff : null;
  if (!PASSING.has(outcome.status)) return null;
  const asked = Number(outcome.headers['retry-after'] ?? 0) * 1_000;
  return asked <= LONGEST_PAUSE ? Math.max(asked || 0, backOff) : null;
}

/** Nobody listens, or the settings are wrong: asking again changes nothing, and people wait for the message. */
function isFinal(failure: Failure): boolean {
  return failure.exitCode !== EXIT.unreachable || wasNeverSent(failure.cause);
}

function isRepeatable({ method, requestKey, repeatable }: ApiRequest): boolean {
  return repeatable ?? (method === 'GET' || requestKey !== undefined);
}

function isAnswer(outcome: unknown): outcome is Answer {
  return typeof outcome === 'object' && outcome !== null && 'status' in outcome;
}

function address(base: string, { path, query = {} }: ApiRequest): URL {
  const url = new URL(`${base.replace(/\/+$/, '')}${path}`);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  return url;
}

function headersFor({ headers = {}, body, requestKey }: ApiRequest, token: Secret | null): Record<string, string> {
  return {
    accept: 'application/json, application/problem+json',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(requestKey === undefined ? {} : { 'idempotency-key': requestKey }),
    ...headers,
    ...(token === null ? {} : { authorization: `Bearer ${token.reveal()}` }),
  };
}

async function authority(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause) => {
    throw new Failure(EXIT.usage, `KEYTURN_CA_FILE names ${file}, which cannot be read. Check its path and its permissions.`, { cause });
  });
}
