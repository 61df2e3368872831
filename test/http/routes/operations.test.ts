import t from 'tap';
import { startTestService } from '../../support/service.ts';

const open = { token: null };

t.test('alive whatever happens to the store', async (t) => {
  const { call, store } = await startTestService(t);
  store.faults.down = true;
  t.match(await call({ url: '/healthz', ...open }), {
    status: 200,
    body: { status: 'ok' },
    headers: { 'x-content-type-options': 'nosniff' },
  });
});

t.test('ready while the store answers, 503 once it has been silent', async (t) => {
  const { call, pass, store, clock } = await startTestService(t);
  await pass(1_000);
  t.match(await call({ url: '/readyz', ...open }), {
    status: 200,
    body: { status: 'ready', checks: { store: { status: 'ok', kind: 'sqlite', silentSeconds: 0 } }, overdue: 0 },
  });
  store.faults.down = true;
  await clock.advance(15_000);
  t.equal((await call({ url: '/readyz', ...open })).status, 200);
  await clock.advance(1_000);
  t.match(await call({ url: '/readyz', ...open }), {
    status: 503,
    body: { status: 'not ready', checks: { store: { status: 'failing', silentSeconds: 16 } } },
  });
  store.faults.down = false;
  await pass(1_000);
  t.equal((await call({ url: '/readyz', ...open })).body.status, 'ready');
});

t.test('names of overdue keyrings are for who may see them', async (t) => {
  const { call, pass, store, token } = await startTestService(t);
  const policy = { schedule: { cron: '0 3 * * *' }, leaseSeconds: 60, refreshSeconds: 10, tokenLifetimeSeconds: 3_600 };
  for (const name of ['web', 'shop']) await call({ method: 'POST', url: '/v1/keyrings', payload: { name, policy } });
  store.swap = async () => {
    throw new Error('disk on fire');
  };
  await pass(16 * 3_600_000);
  const ask = async (token: string | null) => (await call({ url: '/readyz', token })).body;
  t.match(await ask(null), { status: 'degraded', overdue: 2 });
  t.equal((await ask(null)).overdueKeyrings, undefined);
  t.equal((await ask(await token(['app', 'admin']))).overdueKeyrings, undefined);
  t.equal((await ask('not a token')).overdueKeyrings, undefined);
  t.same((await ask(await token(['auditor']))).overdueKeyrings.sort(), ['shop', 'web']);
  t.same((await ask(await token(['operator'], ['s*']))).overdueKeyrings, ['shop']);
});

t.test('metrics tell routes and counts, and no names', async (t) => {
  const { call } = await startTestService(t);
  await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'very-secret-project' } });
  await call({ url: '/v1/keyrings/very-secret-project/keys' });
  await call({ url: '/no/such/very-secret-path' });
  const { status, headers, text } = await call({ url: '/metrics', ...open });
  t.equal(status, 200);
  t.match(headers['content-type'], /^text\/plain; version=/);
  t.match(text, /keyturn_http_request_duration_seconds_count\{route="\/v1\/keyrings\/:name\/keys",method="GET",status="200"\} 1/);
  t.match(text, /route="unknown",method="GET",status="404"/);
  t.match(text, /^keyturn_ready 1$/m);
  t.notMatch(text, /very-secret/);
});

t.test('metrics for a token where so configured', async (t) => {
  const { call, token } = await startTestService(t, { settings: { metrics: { access: 'token' } } });
  t.match(await call({ url: '/metrics', ...open }), { status: 401, headers: { 'www-authenticate': 'Bearer realm="keyturn"' } });
  t.equal((await call({ url: '/metrics', token: await token(['app'], ['x']) })).status, 200);
});

t.test('the document and its page load without a token, and only what is theirs', async (t) => {
  const { call } = await startTestService(t);
  t.match(await call({ url: '/openapi.json', ...open }), { status: 200, body: { openapi: '3.1.0', info: { title: 'Keyturn' } } });
  const page = await call({ url: '/docs', ...open });
  t.equal(page.status, 200);
  t.match(page.headers['content-type'], /^text\/html/);
  t.match(page.headers['content-security-policy'], /default-src 'self'/);
  const assets = [...page.text.matchAll(/(?:src|href)="\.?\/?([^"]+\.(?:js|css))"/g)].map(([, path]) => path);
  t.ok(assets.length >= 3);
  for (const path of assets) t.equal((await call({ url: `/${path}`, ...open })).status, 200, String(path));
  for (const path of ['/docs/static/../../package.json', '/docs/static/%2e%2e/%2e%2e/package.json', '/docs/static/nope.js', '/docs/nope']) {
    t.equal((await call({ url: path, ...open })).status, 404, path);
  }
});

t.test('the page can be left out', async (t) => {
  const { call } = await startTestService(t, { settings: { docs: { enabled: false } } });
  t.equal((await call({ url: '/docs', ...open })).status, 404);
  t.equal((await call({ url: '/openapi.json', ...open })).status, 200);
});
