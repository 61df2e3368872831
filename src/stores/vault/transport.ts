import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';

/** More than any list of names or document may have: an answer that is longer is none. */
const MAX_ANSWER_BYTES = 32 * 1_048_576;
/** A standby sends to the active node; that one may have stopped being it just now. */
const MAX_REDIRECTS = 2;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** Seconds, where the server gave them. */
  readonly retryAfter: number | null;
}

/** What goes over the wire. It is nobody's property but the transport's: no failure carries any of it. */
export interface WireRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON; null = no body. */
  readonly body: string | null;
  readonly signal: AbortSignal;
}

/** There is no answer. `code` says why; `sent` whether the server may have received, and so done, what was asked. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  readonly code: string;
  readonly sent: boolean;

  constructor(code: string, sent: boolean) {
    super(code);
    this.code = code;
    this.sent = sent;
  }
}

/**
 * HTTP as Vault needs it. It stands in the place of node-vault's own, which has no way to give a call up, drops `Retry-After`, follows any
 * redirect with the token, and throws errors that carry the token and what was written.
 */
export class Transport {
  readonly #agent: http.Agent | https.Agent;

  /** @throws KeyturnError never; an Error of the file system when the CA file cannot be read */
  constructor(address: string, caFile: string | null) {
    const keepAlive = { keepAlive: true, maxSockets: 32 };
    this.#agent = address.startsWith('https:')
      ? new https.Agent({ ...keepAlive, ...(caFile === null ? {} : { ca: readFileSync(caFile) }) })
      : new http.Agent(keepAlive);
  }

  /** @throws NoAnswer */
  async send(request: WireRequest, redirects = 0): Promise<Answer> {
    const { answer, location } = await this.#exchange(request);
    if (location === null) return answer;
    const url = redirects < MAX_REDIRECTS ? target(location, request.url) : null;
    if (url === null) throw new NoAnswer('redirected in vain', false);
    return this.send({ ...request, url }, redirects + 1);
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange({ method, url, headers, body, signal }: WireRequest): Promise<{ answer: Answer; location: string | null }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ answer: Answer; location: string | null }>();
    let sent = false;
    const fail = (error: NodeJS.ErrnoException): void => reject(new NoAnswer(codeOf(error, signal), sent && !isRefusal(error)));
    const content = body === null ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
    const { request } = url.protocol === 'https:' ? https : http;
    const outgoing = request(url, { method, agent: this.#agent, headers: { ...headers, ...content }, signal });
    outgoing.on('error', fail);
    outgoing.on('socket', (socket) => {
      const connected = (): void => {
        sent = true;
      };
      if (socket.connecting) socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', connected);
      else connected();
    });
    outgoing.on('response', (incoming) => {
      read(incoming).then((text) => resolve(parse(incoming, text)), fail);
    });
    outgoing.end(body ?? undefined);
    return promise;
  }
}

async function read(incoming: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new NoAnswer('answer too long', true);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse({ statusCode = 0, headers }: http.IncomingMessage, text: string): { answer: Answer; location: string | null } {
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  const retryAfter = Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
  const location = statusCode === 307 || statusCode === 308 ? (headers.location ?? '') : null;
  return { answer: { status: statusCode, body: jsonIn(text), retryAfter }, location };
}

function jsonIn(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The token goes along, so never from TLS to plain text. */
function target(location: string, from: URL): URL | null {
  const url = URL.parse(location, from.href);
  if (url === null || !/^https?:$/.test(url.protocol)) return null;
  return url.protocol === from.protocol ? url : null;
}

function isRefusal({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN';
}

/** A word of Node's, never a sentence: those quote addresses and headers. */
function codeOf(error: NodeJS.ErrnoException, signal: AbortSignal): string {
  if (signal.aborted) return 'given up';
  if (error instanceof NoAnswer) return error.code;
  return typeof error.code === 'string' && /^[A-Z0-9_]{1,60}$/.test(error.code) ? error.code : 'connection lost';
}
