import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import t from 'tap';
import { startTestService, type TestService } from '../support/service.ts';

/** The answer to one request as it comes over the wire; the date and what differs by connection are left out. */
async function raw(port: number, lines: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(
    `${['Host: x', 'Connection: close', ...lines.slice(1)].reduce((text, line) => `${text}${line}\r\n`, `${lines[0]} HTTP/1.1\r\n`)}\r\n`,
  );
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer.replace(/^date: .*\r\n/im, '');
}

async function listening(t: Parameters<typeof startTestService>[0], settings = {}): Promise<{ service: TestService; port: number }> {
  const service = await startTestService(t, { settings });
  await service.call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });
  await service.call({ method: 'POST', url: '/v1/keyrings/web/rotate', payload: { reason: 'test' } });
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  const address = service.app.server.address();
  if (address === null || typeof address === 'string') throw new Error('It does not listen.');
  await service.call({ url: '/v1/keyrings/web/keys' });
  return { service, port: address.port };
}

t.test('the quick way answers byte for byte as the route does', async (t) => {
  const { service, port } = await listening(t);
  const bearer = `Authorization: Bearer ${service.admin}`;
  const { headers } = await service.call({ url: '/v1/keyrings/web/keys' });
  const match = `If-None-Match: ${headers.etag}`;
  for (const extra of [
    [],
    ['Keyturn-Instance: web-1'],
    [match],
    [match, 'Keyturn-Instance: web-1'],
    ['If-None-Match: "other"'],
    ['If-None-Match: ???'],
  ]) {
    const quick = await raw(port, ['GET /v1/keyrings/web/keys', bearer, ...extra]);
    // `accept-version` of nothing is unusual enough for the framework, and means nothing to it
    const slow = await raw(port, ['GET /v1/keyrings/web/keys?wait=0', bearer, ...extra]);
    t.equal(withoutId(quick), withoutId(slow), JSON.stringify(extra));
  }
  const items = (await service.call({ url: '/v1/audit?limit=12&action=keys.read' })).body.items;
  t.equal(items.length, 12, 'each is recorded once');
});

t.test('whatever can be refused is refused by the route', async (t) => {
  const { service, port } = await listening(t);
  const app = await service.token(['app'], ['shop-*']);
  const auditor = await service.token(['auditor']);
  const revoked = await service.token(['app']);
  await service.call({ method: 'DELETE', url: `/v1/tokens/${revoked.split('_')[1]}` });
  const asked = async (line: string, ...headers: string[]) => Number((await raw(port, [line, ...headers])).slice(9, 12));
  const get = 'GET /v1/keyrings/web/keys';
  t.equal(await asked(get), 401);
  t.equal(await asked(get, 'Authorization: Bearer nonsense'), 401);
  t.equal(await asked(get, `Authorization: Bearer ${service.admin.slice(0, -1)}x`), 401);
  t.equal(await asked(get, `Authorization: Bearer ${revoked}`), 401);
  t.equal(await asked(get, `Authorization: Bearer ${app}`), 403);
  t.equal(await asked(get, `Authorization: Bearer ${auditor}`), 403);
  t.equal(await asked(get, `Authorization: Bearer ${service.admin}`, 'Keyturn-Instance: has blanks'), 400);
  t.equal(await asked('GET /v1/keyrings/other/keys', `Authorization: Bearer ${service.admin}`), 404);
  t.equal(await asked('GET /v1/keyrings/web/keys?unknown=1', `Authorization: Bearer ${service.admin}`), 400);
  t.equal(await asked('GET /v1/keyrings/web%2f/keys', `Authorization: Bearer ${service.admin}`), 400);
});

t.test('while the log cannot be written the quick way gives nothing away', async (t) => {
  const { service, port } = await listening(t);
  service.ledger.full = true;
  const answer = await raw(port, ['GET /v1/keyrings/web/keys', `Authorization: Bearer ${service.admin}`]);
  t.match(answer, /^HTTP\/1\.1 503 /);
  t.match(answer, /audit_unavailable/);
  t.notMatch(answer, /[0-9a-f]{64}/);
});

t.test('a forwarded address is read where proxies are trusted', async (t) => {
  const { service, port } = await listening(t, { trustProxy: true });
  await raw(port, ['GET /v1/keyrings/web/keys', `Authorization: Bearer ${service.admin}`, 'X-Forwarded-For: 192.0.2.7']);
  t.match((await service.call({ url: '/v1/audit?limit=1' })).body.items, [{ address: '192.0.2.7' }]);
});

t.test('answers of the quick way are in the metrics', async (t) => {
  const { service, port } = await listening(t);
  await raw(port, ['GET /v1/keyrings/web/keys', `Authorization: Bearer ${service.admin}`]);
  const { text } = await service.call({ url: '/metrics', token: null });
  t.match(text, /^keyturn_http_request_duration_seconds_count\{route="\/v1\/keyrings\/:name\/keys",method="GET",status="200"\} 2$/m);
});

/** Request ids and drawn sessions differ by nature. */
function withoutId(answer: string): string {
  return answer.replace(/"requestId":"[^"]*"/, '').replace(/\.[0-9a-f]{12}-[0-9a-z]+"/, '"');
}

t.test('a token that the quick way has taken a moment ago is refused once it is revoked, or has expired', async (t) => {
  const { service, port } = await listening(t);
  const issue = async (expiresInSeconds: number | null) =>
    (await service.call({ method: 'POST', url: '/v1/tokens', payload: { name: 'short', roles: ['app'], expiresInSeconds } })).body;
  const [revoked, expiring] = [await issue(null), await issue(60)];
  const asked = async ({ token }: { token: string }) =>
    (await raw(port, ['GET /v1/keyrings/web/keys', `Authorization: Bearer ${token}`])).slice(9, 12);
  t.same([await asked(revoked), await asked(revoked), await asked(expiring), await asked(expiring)], ['200', '200', '200', '200']);
  await service.call({ method: 'DELETE', url: `/v1/tokens/${revoked.id}` });
  await service.pass(60_000);
  t.same([await asked(revoked), await asked(expiring)], ['401', '401']);
});

t.test('no odd form of a request gets keys past a rule, or two requests out of one', async (t) => {
  const { service, port } = await listening(t);
  const auditor = await service.token(['auditor']);
  const good = `Authorization: Bearer ${service.admin}`;
  const get = 'GET /v1/keyrings/web/keys';
  const head = 'HEAD /v1/keyrings/web/keys';
  const asked = (line: string, ...headers: string[]) => raw(port, [line, ...headers]);
  const statuses = async (...request: [string, ...string[]]) =>
    [...(await asked(...request)).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
  t.same(await statuses(get, `Authorization: Bearer ${auditor}`, good), ['403'], 'the first of two tokens counts');
  t.same(await statuses(get, good, 'Keyturn-Instance: a', 'Keyturn-Instance: b'), ['400']);
  t.same(await statuses(get, good, 'Content-Length: 5', 'Transfer-Encoding: chunked'), ['400']);
  t.same(await statuses(get, good, 'Content-Length: 0', 'Content-Length: 5'), ['400']);
  t.same(await statuses('GET http://x/v1/keyrings/web/keys', `Authorization: Bearer ${auditor}`), ['403'], 'a proxy asks so');
  t.same(await statuses('GET //v1/keyrings/web/keys', good), ['404']);
  t.same(await statuses('GET /v1/keyrings/web/../web/keys', good), ['404']);
  t.same(await statuses('POST /v1/keyrings/web/keys', good), ['404']);
  t.same(await statuses('OPTIONS /v1/keyrings/web/keys', good), ['404']);
  t.same(await statuses(head), ['401']);
  t.notMatch(await asked(head, good), /[0-9a-f]{64}/, 'a HEAD has no body');
  const [last] = (await service.call({ url: '/v1/audit?limit=1&action=keys.read&outcome=done' })).body.items;
  t.match(last, { action: 'keys.read', versions: [2, 1] }, 'and is recorded as a read');
});

t.test('one connection may ask as it likes: each question is read for itself', async (t) => {
  const { service, port } = await listening(t);
  await service.call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'shop' } });
  await service.call({ url: '/v1/keyrings/shop/keys' });
  const stranger = await service.token(['app'], ['shop']);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const ask = async (keyring: string, headers: Record<string, string>, token = service.admin) => {
    const request = get({
      agent,
      port,
      host: '127.0.0.1',
      path: `/v1/keyrings/${keyring}/keys`,
      headers: { ...headers, authorization: `Bearer ${token}` },
    });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of response) body += String(chunk);
    const { statusCode: status, headers: answered } = response;
    return { status, name: body === '' ? null : JSON.parse(body).name, etag: String(answered.etag) };
  };
  const first = await ask('web', { 'keyturn-instance': 'a' });
  t.match(await ask('shop', { 'keyturn-instance': 'a' }), { status: 200, name: 'shop' });
  t.match(await ask('web', { 'keyturn-instance': 'a', 'if-none-match': first.etag }), { status: 304, name: null });
  t.match(await ask('web', { 'keyturn-instance': 'b', 'if-none-match': first.etag }), { status: 304 });
  t.match(await ask('web', { 'if-none-match': '"other.1.1.0"' }), { status: 200, name: 'web' });
  t.match(await ask('web', {}), { status: 200 });
  t.match(await ask('web', {}, stranger), { status: 403 });
  t.match(await ask('shop', {}, stranger), { status: 200, name: 'shop' });
  t.match(await ask('web', {}), { status: 200 });
  const { items } = (await service.call({ url: '/v1/audit?limit=9&action=keys.read' })).body;
  const recorded = items.map(({ keyring, instance, outcome }: Record<string, string>) => [keyring, instance, outcome]);
  t.same(recorded.toReversed(), [
    ['web', 'a', 'done'],
    ['shop', 'a', 'done'],
    ['web', 'a', 'unchanged'],
    ['web', 'b', 'unchanged'],
    ['web', null, 'done'],
    ['web', null, 'done'],
    ['web', null, 'refused'],
    ['shop', null, 'done'],
    ['web', null, 'done'],
  ]);
});
