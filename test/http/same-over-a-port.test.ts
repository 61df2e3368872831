import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { startTestService } from '../support/service.ts';

/** A real connection must hear what `inject` hears: whatever is put in front of the framework for speed answers as the framework would. */
const service = await startTestService(t);
const { app, call, token, admin } = service;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
t.teardown(() => agent.destroy());

for (const name of ['web', 'gone']) await call({ method: 'POST', url: '/v1/keyrings', payload: { name } });
await call({ method: 'POST', url: '/v1/keyrings/web/rotate', payload: { reason: 'so that there is a next key' } });
await call({ method: 'DELETE', url: '/v1/keyrings/gone' });
const etag = String((await call({ url: '/v1/keyrings/web/keys' })).headers.etag);
const port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port);

const revoked = (await call({ method: 'POST', url: '/v1/tokens', payload: { name: 'x', roles: ['app'] } })).body;
await call({ method: 'DELETE', url: `/v1/tokens/${revoked.id}` });
const bearer = (text: string) => `Bearer ${text}`;
const good = bearer(await token(['app'], ['*']));
const AUTHORIZATIONS = [
  good,
  good.replace('Bearer', 'bearer'),
  undefined,
  '',
  bearer(revoked.token),
  good.slice(0, -1),
  `${good}x`,
  good.replace('Bearer ', 'Bearer  '),
  `Basic ${admin}`,
  bearer(await token(['app'], ['other'])),
  bearer(await token(['operator', 'auditor', 'admin'])),
];
const PATHS = [
  'web/keys',
  'none/keys',
  'gone/keys',
  'WEB/keys',
  '%77eb/keys',
  'w%00b/keys',
  '%zz/keys',
  `${'a'.repeat(200)}/keys`,
  '/keys',
  'web/keys/',
  'web/keys?',
  'web/keys?wait=0',
  'web/keys?wait=x',
  'web/keys?wait=1&wait=1',
  'web/keys?x=1',
  'web//keys',
  'web/keys;x',
];
const HEADERS: Record<string, string>[] = [
  { 'if-none-match': etag },
  { 'if-none-match': `W/${etag}` },
  { 'if-none-match': `"other", ${etag}` },
  { 'if-none-match': '"other"' },
  { 'if-none-match': '*' },
  { 'if-none-match': 'nonsense' },
  { 'if-none-match': `"${'x'.repeat(1_000)}"` },
  { 'keyturn-instance': 'web-1' },
  { 'keyturn-instance': 'not a name' },
  { 'keyturn-instance': 'web-1', 'if-none-match': etag },
  { accept: 'text/html', 'accept-encoding': 'gzip', range: 'bytes=0-1' },
];

interface Asked {
  readonly method: 'GET' | 'HEAD' | 'OPTIONS';
  readonly url: string;
  readonly headers: Record<string, string>;
}

const withToken = (authorization: string | undefined) => ({ ...(authorization !== undefined && { authorization }) });
const CASES: Asked[] = [
  ...AUTHORIZATIONS.flatMap((one) => PATHS.map((path): Asked => ({ method: 'GET', url: `/v1/keyrings/${path}`, headers: withToken(one) }))),
  ...AUTHORIZATIONS.flatMap((one) =>
    HEADERS.map((more): Asked => ({ method: 'GET', url: '/v1/keyrings/web/keys', headers: { ...withToken(one), ...more } })),
  ),
  ...(['HEAD', 'OPTIONS'] as const).map((method): Asked => ({ method, url: '/v1/keyrings/web/keys', headers: { authorization: good } })),
];

t.test('every answer over a port is the answer of inject', async (t) => {
  for (const asked of CASES) {
    const injected = await call({ ...asked, token: null });
    t.same(
      levelled(await overPort(asked)),
      levelled({ status: injected.status, headers: injected.headers, body: injected.text }),
      `${asked.method} ${asked.url} ${Object.keys(asked.headers)}`,
    );
  }
});

interface Heard {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

async function overPort({ method, url, headers }: Asked): Promise<Heard> {
  const asked = request({ host: '127.0.0.1', port, path: url, method, headers, agent });
  asked.end();
  const [answer]: IncomingMessage[] = await once(asked, 'response');
  if (answer === undefined) throw new Error('There was no answer.');
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) };
}

/** Without what belongs to the connection or the single request. */
function levelled({ status, headers, body }: Heard): Heard {
  const { date, connection, 'keep-alive': keepAlive, 'content-length': length, 'transfer-encoding': encoding, ...rest } = headers;
  // A named instance that shows no session of its own is given a new one with each answer.
  const told = Object.entries(rest).map(([name, value]) => [
    name,
    name === 'etag' ? String(value).replace(/\.[0-9a-f]{12}-\w+"$/, '"') : value,
  ]);
  return { status, headers: Object.fromEntries(told.sort()), body: body.replace(/"requestId":"[^"]+"/, '"requestId":""') };
}
