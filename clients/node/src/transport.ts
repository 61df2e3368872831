import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Millis } from './clock.ts';
import { KeyturnError } from './errors.ts';

/** One GET. Redirects are not followed: Keyturn sends none, and a token must not travel to another host. */
export interface Question {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For the whole exchange. */
  readonly timeout: Millis;
  /** Ends the exchange early. */
  readonly signal: AbortSignal;
  /** True lets the process end while this waits. */
  readonly inBackground: boolean;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

export interface Transport {
  /** @throws KeyturnError `unreachable`, `tls_failure`, `truncated`, `too_large`; `closed` where the signal ended it */
  get(question: Question): Promise<Reply>;
  close(): void;
}

/** 64 keys of 1,024 characters fit three times. */
const MAX_ANSWER_BYTES = 256 * 1_024;

/** @param ca PEM of the certificate authorities to trust; null = those that Node trusts */
export function createTransport(url: URL, ca: string | null): Transport {
  const secure = url.protocol === 'https:';
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, maxSockets: 2, ...(ca !== null && { ca }) })
    : new HttpAgent({ keepAlive: true, maxSockets: 2 });
  const base = url.href.replace(/\/+$/, '');
  const send = (path: string, options: RequestOptions, answered: (answer: IncomingMessage) => void) =>
    (secure ? httpsRequest : httpRequest)(`${base}${path}`, { ...options, agent }, answered);
  return { get: (question) => exchange(send, question), close: () => agent.destroy() };
}

type Send = (path: string, options: RequestOptions, answered: (answer: IncomingMessage) => void) => ReturnType<typeof httpRequest>;

async function exchange(send: Send, { path, headers, timeout, signal, inBackground }: Question): Promise<Reply> {
  const deadline = AbortSignal.timeout(timeout);
  try {
    return await new Promise<Reply>((resolve, reject) => {
      const options = { method: 'GET', headers, signal: AbortSignal.any([deadline, signal]) };
      const request = send(path, options, (answer) => void collect(answer).then(resolve, reject));
      if (inBackground) request.on('socket', (socket) => socket.unref());
      request.on('error', reject);
      request.end();
    });
  } catch (error) {
    throw named(error, deadline, signal);
  }
}

async function collect(answer: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_ANSWER_BYTES) throw new KeyturnError('too_large', `The answer is longer than ${MAX_ANSWER_BYTES} bytes. ${CHECK_URL}`);
    chunks.push(bytes);
  }
  return { status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(chunks).toString('utf8') };
}

const CHECK_URL = 'Check that the URL is that of a Keyturn service.';
/** Codes of OpenSSL's verification and of the handshake, as Node gives them. */
const TLS = /^(?:ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/;

function named(error: unknown, deadline: AbortSignal, signal: AbortSignal): KeyturnError {
  if (error instanceof KeyturnError) return error;
  const extras = { cause: error };
  if (signal.aborted) return new KeyturnError('closed', 'The request was given up.', extras);
  if (deadline.aborted) return new KeyturnError('unreachable', 'The service did not answer in time: see whether it is overloaded.', extras);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'no code';
  const isCut = error instanceof Error && error.message === 'aborted';
  if (isCut) return new KeyturnError('truncated', 'The answer broke off: see what stands between this host and the service.', extras);
  if (TLS.test(code)) return new KeyturnError('tls_failure', `No trusted connection (${code}): check the URL and KEYTURN_CA_FILE.`, extras);
  return new KeyturnError('unreachable', `The service cannot be reached (${code}): check its URL and the network.`, extras);
}
