import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  /** Status line and headers. */
  readonly head: string;
}

/**
 * One kept-alive connection that asks one thing at a time. It writes ready bytes and reads no more of an answer than its length: a load
 * generator that works harder would take processor time from the servers it measures.
 */
export class Connection {
  readonly #socket: Socket;
  #rest = '';
  #take: ((answer: Answer) => void) | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk.toString('latin1')));
    socket.on('close', () => this.#end());
    socket.on('error', () => undefined);
  }

  static async open(url: string): Promise<Connection> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new Connection(socket);
  }

  /** Status 0: the connection ended instead. */
  ask(request: Buffer, take: (answer: Answer) => void): void {
    this.#take = take;
    if (this.#socket.destroyed) this.#end();
    else this.#socket.write(request);
  }

  get(request: Buffer): Promise<Answer> {
    return new Promise((resolve) => this.ask(request, resolve));
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    const all = this.#rest === '' ? text : this.#rest + text;
    const body = all.indexOf('\r\n\r\n') + 4;
    if (body < 4 || all.length < body + lengthIn(all)) {
      this.#rest = all;
      return;
    }
    this.#rest = '';
    const take = this.#take;
    this.#take = null;
    take?.({ status: Number(all.slice(9, 12)), head: all });
  }

  #end(): void {
    this.#take?.({ status: 0, head: '' });
    this.#take = null;
  }
}

const LENGTH = 'content-length: ';

function lengthIn(text: string): number {
  const at = text.indexOf(LENGTH);
  return at < 0 ? 0 : Number.parseInt(text.slice(at + LENGTH.length, at + LENGTH.length + 10), 10);
}

export function etagIn({ head }: Answer): string {
  return /^etag: (.*)\r$/im.exec(head)?.[1] ?? '';
}

/** The bytes of a request. */
export function requestFor(method: string, url: string, headers: Readonly<Record<string, string>>, body = ''): Buffer {
  const { pathname, search, host } = new URL(url);
  const all = { host, ...headers, ...(body !== '' && { 'content-type': 'application/json', 'content-length': String(body.length) }) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}
