import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ConnectionOptions } from 'node:tls';

/** One HTTP exchange. Redirects are not followed: Keyturn sends none, and a token must not travel to another host. */
export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** PEM of the certificate authorities to trust; null = those that Node trusts. */
  readonly ca: string | null;
  /** `ca` is the very certificate of the server: for which names does not matter. */
  readonly pinned?: boolean;
  readonly timeoutMillis: number;
}

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** The certificate itself is the anchor of trust, whoever signed it and whatever it is called. */
const PINNED: ConnectionOptions = { allowPartialTrustChain: true, checkServerIdentity: () => undefined };
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** @throws Error of node:http with its `code`; `ABORT_ERR` or `ABORTED` after the timeout */
export async function exchange(wanted: Exchange): Promise<Answer> {
  return send(wanted, collect);
}

/**
 * As `exchange`; the body of a 2xx answer goes into the sink, whatever its length, and the text of the answer is empty.
 * @throws what the sink throws, and as `exchange`
 */
export async function exchangeInto(wanted: Exchange, sink: (body: AsyncIterable<Buffer>) => Promise<void>): Promise<Answer> {
  return send(wanted, async (answer) => {
    const status = answer.statusCode ?? 0;
    if (status < 200 || status >= 300) return collect(answer);
    await sink(answer).catch((error: unknown) => {
      // nobody reads on, and a connection that waits for that would keep this program from ending
      answer.destroy();
      throw error;
    });
    if (!answer.complete) throw new Error('The answer was cut short.');
    return { status, headers: headersOf(answer), text: '' };
  });
}

async function send(
  { url, method, headers, body, ca, pinned, timeoutMillis }: Exchange,
  take: (answer: IncomingMessage) => Promise<Answer>,
): Promise<Answer> {
  const begin = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const options: RequestOptions & ConnectionOptions = { method, headers, signal: AbortSignal.timeout(timeoutMillis) };
  if (ca !== null) options.ca = ca;
  if (pinned === true) Object.assign(options, PINNED);
  return new Promise((resolve, reject) => {
    const request = begin(url, options, (answer) => void take(answer).then(resolve, reject));
    request.on('error', reject);
    request.end(body ?? undefined);
  });
}

async function collect(answer: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`The answer is longer than ${MAX_ANSWER_BYTES} bytes.`);
    chunks.push(bytes);
  }
  return { status: answer.statusCode ?? 0, headers: headersOf(answer), text: Buffer.concat(chunks).toString('utf8') };
}

function headersOf(answer: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}
