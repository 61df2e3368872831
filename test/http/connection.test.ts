import { once } from 'node:events';
import { connect, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { startTestService, testSettings } from '../support/service.ts';

interface RawAnswer {
  readonly status: number;
  readonly head: string;
  // biome-ignore lint/suspicious/noExplicitAny: compared with literals
  readonly body: any;
}

/** Everything that comes until the server closes. */
async function answersOf(socket: Socket): Promise<RawAnswer[]> {
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => undefined);
  if (!socket.destroyed) await once(socket, 'close');
  return text
    .split(/(?=HTTP\/1\.1 )/)
    .filter((answer) => answer !== '')
    .map((answer) => {
      const [head = '', body = ''] = answer.split('\r\n\r\n');
      return { status: Number(head.slice(9, 12)), head, body: body.startsWith('{') ? JSON.parse(body) : null };
    });
}

async function open(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  return socket;
}

t.test('bytes that are no request, and headers without end, are problems too, on a connection that is closed', async (t) => {
  const { app, log } = await startTestService(t);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const SECRET = 'Zq3Tb7Wn1Xs5Vd9Rf2Kg6Hj4';
  const requests: [string, number, string][] = [
    [`${SECRET}\r\n\r\n`, 400, 'invalid_request'],
    ['\u0016\u0003\u0001\u0002\u0000', 400, 'invalid_request'],
    [`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: ${SECRET}${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
    [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, 'headers_too_large'],
    ['GET /healthz HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n', 400, 'invalid_request'],
    ['POST /v1/strength HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400, 'invalid_request'],
    [`GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: a\u0000b\r\n\r\n`, 400, 'invalid_request'],
  ];
  for (const [request, status, code] of requests) {
    const socket = await open(url);
    socket.write(request);
    const [answer] = await answersOf(socket);
    t.match(
      answer,
      { status, body: { type: `urn:keyturn:problem:${code}`, code, status, requestId: /^[0-9a-f]{12}-\w+$/ } },
      JSON.stringify(request.slice(0, 40)),
    );
    t.match(answer?.head, /\r\nContent-Type: application\/problem\+json; charset=utf-8\r\n/);
    t.match(answer?.head, /\r\nConnection: close/);
    t.ok(log().includes(answer?.body.requestId), 'the log has it');
  }
  t.notOk(log().includes(SECRET));
});

t.test('while the service stops, requests that still arrive are sent elsewhere, and what is under way is finished', async (t) => {
  const service = await startTestService(t);
  const { app, admin, store, call } = service;
  await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const loaded = Promise.withResolvers<void>();
  store.faults.delayNext('load', loaded.promise);
  const loads = store.faults.calls.get('load') ?? 0;
  const socket = await open(url);
  const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${admin}\r\n\r\n`;
  const answers = answersOf(socket);
  socket.write(request('/v1/keyrings/web'));
  for (let i = 0; i < 5_000 && store.faults.calls.get('load') === loads; i++) await turn();
  t.equal(store.faults.calls.get('load'), loads + 1, 'the first request is under way');
  const stopped = service.service.stop();
  for (let i = 0; i < 20; i++) await turn();
  socket.write(request('/v1/keyrings/web'));
  for (let i = 0; i < 200; i++) await turn();
  loaded.resolve();
  await stopped;
  const [first, second] = await answers;
  t.match(first, { status: 200, body: { name: 'web' } });
  t.match(second, { status: 503, head: /Retry-After: 1\r\n/i, body: { code: 'shutting_down', type: 'urn:keyturn:problem:shutting_down' } });
});

t.test('beyond limits.connections a connection is closed at once, and one that ends makes room', async (t) => {
  const { app } = await startTestService(t, { settings: { limits: { ...testSettings('').limits, heldRequests: 1, connections: 3 } } });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const sockets = [await open(url), await open(url), await open(url)];
  const refused = await open(url);
  t.same(await answersOf(refused), []);
  sockets[0]?.destroy();
  while ((await countOf(app.server)) > 2) await turn();
  const metrics = await (await fetch(`${url}/metrics`)).text();
  t.match(metrics, /^keyturn_connections_refused_total 1$/m);
  t.match(metrics, /^keyturn_connections 3$/m);
  for (const socket of sockets) socket.destroy();
});

const countOf = (server: Server) => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count ?? 0)));
