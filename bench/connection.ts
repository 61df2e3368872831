import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  /** Status line and headers. */
  readonly head: string;
}

/** One for all connections: an answer is looked at before the next one is read, and no read costs memory. */
const read = Buffer.alloc(16_384);
const NOTHING = Buffer.alloc(0);
const END_OF_HEAD = Buffer.from('\r\n\r\n');
const LENGTH = Buffer.from('content-length: ');

/**
 * One kept-alive connection that asks one thing at a time. It writes ready bytes, reads no more of an answer than its status and length, and makes hardly any
 * garbage: a load generator that works harder, or has it collected, would take processor time from the servers it measures.
 */
export class Connection {
  readonly #socket: Socket;
  /** Of an answer that came in pieces. */
  #rest: Buffer = NOTHING;
  #take: ((status: number, bytes: Buffer) => void) | null = null;

  private constructor(port: number, host: string) {
    const onread = { buffer: read, callback: (length: number) => this.#read(length) };
    this.#socket = connect({ port, host, noDelay: true, onread });
    this.#socket.on('close', () => this.#end());
    this.#socket.on('error', () => undefined);
  }

  static async open(url: string): Promise<Connection> {
    const { hostname, port } = new URL(url);
    const connection = new Connection(Number(port), hostname);
    await once(connection.#socket, 'connect');
    return connection;
  }

  /** @param take status 0: the connection ended instead. The bytes are good until it returns, and there may be old ones behind the answer. */
  ask(request: Buffer, take: (status: number, bytes: Buffer) => void): void {
    this.#take = take;
    if (this.#socket.destroyed) this.#end();
    else this.#socket.write(request);
  }

  get(request: Buffer): Promise<Answer> {
    return new Promise((resolve) =>
      this.ask(request, (status, bytes) => resolve({ status, head: bytes.toString('latin1', 0, bytes.indexOf(END_OF_HEAD)) })),
    );
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(length: number): boolean {
    const bytes = this.#rest.length === 0 ? read : Buffer.concat([this.#rest, read.subarray(0, length)]);
    const end = bytes === read ? length : bytes.length;
    const body = bytes.indexOf(END_OF_HEAD) + END_OF_HEAD.length;
    if (body < END_OF_HEAD.length || body > end || end < body + lengthIn(bytes, body)) {
      this.#rest = Buffer.from(bytes.subarray(0, end));
      return true;
    }
    this.#rest = NOTHING;
    const take = this.#take;
    this.#take = null;
    take?.(statusIn(bytes), bytes);
    return true;
  }

  #end(): void {
    this.#take?.(0, NOTHING);
    this.#take = null;
  }
}

/** `HTTP/1.1 200`. */
function statusIn(bytes: Buffer): number {
  return digitsFrom(bytes, 9);
}

function lengthIn(bytes: Buffer, body: number): number {
  const at = bytes.indexOf(LENGTH);
  return at < 0 || at > body ? 0 : digitsFrom(bytes, at + LENGTH.length);
}

function digitsFrom(bytes: Buffer, begin: number): number {
  let value = 0;
  for (let at = begin; ; at++) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return value;
    value = value * 10 + digit;
  }
}

export function etagIn({ head }: Answer): string {
  return /^etag: (.*?)\r?$/im.exec(head)?.[1] ?? '';
}

/** The bytes of a request. */
export function requestFor(method: string, url: string, headers: Readonly<Record<string, string>>, body = ''): Buffer {
  const { pathname, search, host } = new URL(url);
  const all = { host, ...headers, ...(body !== '' && { 'content-type': 'application/json', 'content-length': String(body.length) }) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}
