import { crc32 } from 'node:zlib';
import type { InjectOptions } from 'fastify';
import t from 'tap';
import { base62 } from '../../src/access/base62.ts';
import { ROLES, type Role } from '../../src/ports/authenticator.ts';
import { problemFault } from '../support/problem.ts';
import { type Called, startTestService } from '../support/service.ts';

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

interface Row {
  readonly method: Method;
  readonly url: string;
  readonly payload?: object;
  readonly roles: readonly Role[];
  /** For a caller with one of the roles. */
  readonly status: number;
}

const reason = 'matrix';
const NO_CHECKPOINT = { sequence: 1, at: '2026-03-01T12:00:00.000Z', hash: '0'.repeat(64), signature: 'x' };

/** Every guarded route, in an order in which each succeeds on the keyring `web`, again and again. */
const ROUTES: readonly Row[] = [
  { method: 'GET', url: '/v1/keyrings', roles: ['operator', 'auditor'], status: 200 },
  { method: 'POST', url: '/v1/keyrings', payload: { name: 'web' }, roles: ['operator'], status: 409 },
  { method: 'GET', url: '/v1/keyrings/web', roles: ['operator', 'auditor'], status: 200 },
  { method: 'PATCH', url: '/v1/keyrings/web', payload: { policy: {} }, roles: ['operator'], status: 428 },
  { method: 'GET', url: '/v1/keyrings/web/keys', roles: ['app'], status: 200 },
  { method: 'GET', url: '/v1/keyrings/web/history', roles: ['auditor', 'operator'], status: 200 },
  { method: 'GET', url: '/v1/keyrings/web/instances', roles: ['auditor', 'operator'], status: 200 },
  { method: 'POST', url: '/v1/keyrings/web/rotate', payload: { reason, kind: 'emergency' }, roles: ['operator'], status: 200 },
  { method: 'POST', url: '/v1/keyrings/web/versions/1/revoke', payload: { reason }, roles: ['operator'], status: 200 },
  { method: 'DELETE', url: '/v1/keyrings/web', roles: ['operator'], status: 200 },
  { method: 'POST', url: '/v1/keyrings/web/restore', roles: ['operator'], status: 200 },
  { method: 'POST', url: '/v1/strength', payload: { key: 'k' }, roles: ['operator'], status: 200 },
  { method: 'POST', url: '/v1/tokens', payload: { name: 'n', roles: ['app'], keyrings: ['web'] }, roles: ['admin'], status: 201 },
  { method: 'GET', url: '/v1/tokens', roles: ['admin'], status: 200 },
  { method: 'POST', url: '/v1/backup', roles: ['admin'], status: 409 },
  { method: 'DELETE', url: '/v1/tokens/000000000000', roles: ['admin'], status: 404 },
  { method: 'GET', url: '/v1/audit', roles: ['auditor'], status: 200 },
  { method: 'GET', url: '/v1/audit/checkpoint', roles: ['auditor'], status: 200 },
  { method: 'POST', url: '/v1/audit/verify', payload: {}, roles: ['auditor'], status: 200 },
  { method: 'POST', url: '/v1/audit/export', payload: { until: '2030-01-01T00:00:00Z' }, roles: ['admin'], status: 200 },
  { method: 'POST', url: '/v1/audit/drop', payload: { from: 1, checkpoint: NO_CHECKPOINT }, roles: ['admin'], status: 409 },
];

/** A route as a request; a HEAD request comes with each GET. */
const requestOf = ({ method, url, payload }: Row): InjectOptions => ({ method, url, ...(payload && { payload }) });

const service = await startTestService(t);
const { call, token, clock } = service;
await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });

t.test('the matrix has every guarded route', async (t) => {
  const { paths } = (await call({ url: '/openapi.json' })).body;
  const documented = Object.entries<object>(paths)
    .filter(([path]) => path.startsWith('/v1/'))
    .flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`));
  const rows = ROUTES.map(
    ({ method, url }) =>
      `${method} ${url.replace('/web', '/{name}').replace('/versions/1', '/versions/{version}').replace('000000000000', '{id}')}`,
  );
  t.same(documented.sort(), [...rows].sort());
});

for (const row of ROUTES) {
  t.test(`${row.method} ${row.url} is for ${row.roles.join(' and ')}`, async (t) => {
    for (const role of ROLES) {
      const called = await call({ ...requestOf(row), token: await token([role]) });
      const may = row.roles.includes(role);
      t.equal(called.status, may ? row.status : 403, role);
      if (!may) t.equal(problemFault(called), null, role);
    }
    const others = ROLES.filter((role) => !row.roles.includes(role));
    t.equal((await call({ ...requestOf(row), token: await token(others) })).status, 403, 'all other roles together');
  });
}

t.test('without a token that counts the answer is 401, the same for every reason', async (t) => {
  const all = { roles: ROLES, keyrings: ['*'] };
  const issue = async (more: object) => (await call({ method: 'POST', url: '/v1/tokens', payload: { name: 'x', ...all, ...more } })).body;
  const revoked = await issue({});
  await call({ method: 'DELETE', url: `/v1/tokens/${revoked.id}` });
  const other = await startTestService(t);
  const good: string = (await issue({})).token;
  const expired = await issue({ expiresInSeconds: 60 });
  await clock.advance(60_000);
  const tokens: Record<string, string | null> = {
    'no token': null,
    truncated: good.slice(0, -1),
    'wrong checksum': `${good.slice(0, -1)}${good.endsWith('0') ? '1' : '0'}`,
    'wrong secret': swapped(good),
    'of another service': other.admin,
    expired: expired.token,
    revoked: revoked.token,
    'an id alone': good.slice(8, 20),
    'not ASCII': 'a\u00e9',
  };
  for (const [why, text] of Object.entries(tokens)) {
    for (const row of ROUTES) {
      const called = await call({ ...requestOf(row), token: text });
      t.equal(called.status, 401, `${why}: ${row.method} ${row.url}`);
      t.equal(called.headers['www-authenticate'], 'Bearer realm="keyturn"', why);
      t.equal(withoutId(called), withoutId(await call({ url: '/v1/tokens', token: null })), why);
    }
  }
  t.equal((await call({ url: '/v1/tokens', token: good })).status, 200, 'the good one is good');
});

t.test('other schemes than Bearer are no token', async (t) => {
  for (const authorization of [
    'Basic YTpi',
    service.admin,
    `Bearer  ${service.admin}`,
    `Bearer ${service.admin} x`,
    `Token ${service.admin}`,
  ]) {
    t.equal((await call({ url: '/v1/tokens', token: null, headers: { authorization } })).status, 401);
  }
  t.equal(
    (await call({ url: '/v1/tokens', token: null, headers: { authorization: `bearer ${service.admin}` } })).status,
    200,
    'in any case',
  );
});

t.test('a token for other keyrings learns nothing of whether one exists', async (t) => {
  const text = await token(ROLES, ['shop-*']);
  for (const row of ROUTES.filter(({ url, payload }) => url.includes('/web') || (payload && 'name' in payload && url === '/v1/keyrings'))) {
    const absent = { ...row, url: row.url.replace('/web', '/wab'), ...(row.url === '/v1/keyrings' && { payload: { name: 'wab' } }) };
    const [of, not] = [await call({ ...requestOf(row), token: text }), await call({ ...requestOf(absent), token: text })];
    t.equal(of.status, 403, `${row.method} ${row.url}`);
    t.equal(withoutId(of), withoutId(not), `${row.method} ${row.url}`);
    t.notMatch(of.text, /web/);
  }
  t.same((await call({ url: '/v1/keyrings', token: text })).body, { items: [], next: null, unreadable: [] }, 'a list leaves it out');
});

t.test('a caller without the role learns nothing either', async (t) => {
  const text = await token(['auditor']);
  const answers = await Promise.all(['web', 'wab'].map((name) => call({ url: `/v1/keyrings/${name}/keys`, token: text })));
  t.equal(answers[0]?.status, 403);
  t.equal(answers[0] && withoutId(answers[0]), answers[1] && withoutId(answers[1]));
});

t.test('HEAD is for whom GET is', async (t) => {
  t.equal((await call({ method: 'HEAD', url: '/v1/keyrings/web/keys', token: await token(['auditor']) })).status, 403);
  t.equal((await call({ method: 'HEAD', url: '/v1/keyrings/web/keys', token: null })).status, 401);
  const head = await call({ method: 'HEAD', url: '/v1/keyrings/web/keys' });
  t.equal(head.status, 200);
  t.equal(head.text, '');
});

t.test('an expired token was good until its last millisecond', async (t) => {
  const { token: text } = (
    await call({ method: 'POST', url: '/v1/tokens', payload: { name: 'short', roles: ['admin'], expiresInSeconds: 60 } })
  ).body;
  await clock.advance(59_999);
  t.equal((await call({ url: '/v1/tokens', token: text })).status, 200);
  await clock.advance(1);
  t.equal((await call({ url: '/v1/tokens', token: text })).status, 401);
});

/** The whole answer but for what differs by itself. */
function withoutId({ status, headers, text, body }: Called): string {
  const { date, 'content-length': length, ...rest } = headers;
  return JSON.stringify([status, rest, text.replaceAll(body?.requestId, '(id)')]);
}

/** Well-formed, with the id of a token and the secret of none: what an attacker who knows ids can make. */
function swapped(good: string): string {
  const body = `${good.slice(0, 20)}_${[...good.slice(21, 64)].reverse().join('')}`;
  return `${body}_${base62(BigInt(crc32(body)), 6)}`;
}
