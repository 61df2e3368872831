import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a test teaches the server to say. An object body becomes JSON. */
export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Breaks the connection instead of answering. */
  readonly hangUp?: true;
}

export interface Seen {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Parsed JSON; undefined where there was no body. */
  readonly body: unknown;
}

/** By `METHOD /path?query`. A list is served in turn, its last reply for ever. */
export type Routes = Readonly<Record<string, Reply | readonly Reply[]>>;

export interface ApiServer extends AsyncDisposable {
  readonly url: string;
  readonly seen: readonly Seen[];
}

/** A server with answers of the API's shape, on 127.0.0.1 and a free port. */
export async function apiServer(routes: Routes): Promise<ApiServer> {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const entry = await read(request);
    const times = seen.filter((earlier) => routeOf(earlier) === routeOf(entry)).length;
    seen.push(entry);
    reply(response, pick(routes[routeOf(entry)], times));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${port}`, seen, [Symbol.asyncDispose]: close };
}

function routeOf({ method, path }: Seen): string {
  return `${method} ${path}`;
}

function pick(replies: Reply | readonly Reply[] | undefined, times: number): Reply {
  if (replies === undefined) return { status: 404, body: problem(404, 'route_not_found', 'The test taught no such route.') };
  if (!('length' in replies)) return replies;
  return replies[Math.min(times, replies.length - 1)] ?? {};
}

async function read(request: IncomingMessage): Promise<Seen> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  const { method = '', url = '', headers } = request;
  return { method, path: url, headers, body: text === '' ? undefined : JSON.parse(text) };
}

function reply(response: ServerResponse, { status = 200, headers = {}, body, hangUp }: Reply): void {
  if (hangUp) return void response.destroy();
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** A problem document as the API sends it. */
export function problem(status: number, code: string, detail: string, faults?: readonly { path: string; message: string }[]): unknown {
  return { type: `urn:keyturn:problem:${code}`, title: 'A title', status, detail, code, requestId: 'req-1', faults };
}
