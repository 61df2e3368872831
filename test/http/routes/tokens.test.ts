import { createHash } from 'node:crypto';
import t from 'tap';
import { isTokenId } from '../../../src/access/token-format.ts';
import { START, startTestService, type TestService } from '../../support/service.ts';

const issue = ({ call }: TestService, more: object, token?: string) =>
  call({ method: 'POST', url: '/v1/tokens', payload: { name: 'web servers', roles: ['app'], ...more }, ...(token && { token }) });

t.test('a token is shown once, and never again', async (t) => {
  const service = await startTestService(t);
  const { call } = service;
  const { status, headers, body } = await issue(service, { keyrings: ['web', 'shop-*'], expiresInSeconds: 3_600 });
  t.equal(status, 201);
  t.equal(headers['cache-control'], 'no-store');
  const { token, ...view } = body;
  t.match(token, /^keyturn_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/);
  t.match(view, {
    id: token.slice(8, 20),
    name: 'web servers',
    roles: ['app'],
    keyrings: ['web', 'shop-*'],
    createdAt: new Date(START).toISOString(),
    createdBy: { name: 'bootstrap' },
    expiresAt: new Date(START + 3_600_000).toISOString(),
    revoked: null,
    lastUsedAt: null,
    origin: 'issued',
  });
  const list = await call({ url: '/v1/tokens' });
  t.same(
    list.body.items.find(({ id }: { id: string }) => id === view.id),
    view,
  );
  t.notMatch(list.text, /keyturn_|[0-9a-f]{64}/, 'neither text nor hash');
});

t.test('lists page by page, newest first, those of the configuration before all', async (t) => {
  const text = 'keyturn_AAAAAAAAAAAA_';
  const id = 'AAAAAAAAAAAA';
  if (!isTokenId(id)) throw new Error('not an id');
  const hash = createHash('sha256').update(text).digest('hex');
  const declared = { id, name: 'monitoring', hash, roles: ['auditor'] as const, keyrings: ['*'], expiresAt: null };
  const service = await startTestService(t, { settings: { tokens: [declared] } });
  for (const name of ['first', 'second']) {
    await service.clock.advance(1_000);
    await issue(service, { name });
  }
  const names: string[] = [];
  let after = '';
  for (let page = 0; page < 4; page++) {
    const { body } = await service.call({ url: `/v1/tokens?limit=1${after}` });
    names.push(body.items[0].name);
    t.equal(body.next === null, page === 3);
    after = `&after=${body.next}`;
  }
  t.same(names, ['monitoring', 'second', 'first', 'bootstrap']);
  t.match(await service.call({ method: 'DELETE', url: `/v1/tokens/${id}` }), {
    status: 409,
    body: { code: 'token_protected', detail: /config file/ },
  });
});

t.test('revoked is revoked, from the next request on and after a restart', async (t) => {
  const service = await startTestService(t);
  const { call } = service;
  const { token, id } = (await issue(service, { roles: ['auditor'] })).body;
  t.equal((await call({ url: '/v1/keyrings', token })).status, 200);
  const revoked = await call({ method: 'DELETE', url: `/v1/tokens/${id}?reason=left%20the%20team` });
  t.match(revoked, { status: 200, body: { id, revoked: { reason: 'left the team', by: { name: 'bootstrap' } } } });
  t.equal((await call({ url: '/v1/keyrings', token })).status, 401);
  await service.clock.advance(1_000);
  const again = await call({ method: 'DELETE', url: `/v1/tokens/${id}?reason=other` });
  t.same(again.body.revoked, revoked.body.revoked, 'the first revocation stands');
  await service.service.stop();
  const restarted = await startTestService(t, { dataDir: service.settings.dataDir, clock: service.clock });
  t.equal((await restarted.call({ url: '/v1/keyrings', token })).status, 401);
  t.equal((await restarted.call({ url: '/v1/keyrings', token: service.admin })).status, 200);
});

t.test('the last usable admin stays', async (t) => {
  const service = await startTestService(t);
  const { call, admin } = service;
  const remove = (id: string, token = admin) => call({ method: 'DELETE', url: `/v1/tokens/${id}`, token });
  const first = admin.slice(8, 20);
  t.match(await remove(first), { status: 409, body: { code: 'token_protected' } });
  await issue(service, { roles: ['admin'], expiresInSeconds: 60 });
  await service.clock.advance(60_000);
  t.match(await remove(first), { status: 409 }, 'an expired admin does not count');
  const other = (await issue(service, { roles: ['admin'] })).body;
  const both = await Promise.all([remove(first, admin), remove(other.id, other.token)]);
  t.same(both.map(({ status }) => status).sort(), [200, 409], 'two that revoke each other at the same time do not both succeed');
});

t.test('nobody hands out more than they may touch', async (t) => {
  const service = await startTestService(t);
  const bounded = await service.token(['admin'], ['shop-*', 'web']);
  for (const keyrings of [['shop-*'], ['shop-a'], ['web', 'shop-??'], ['shop-*-x']]) {
    t.equal((await issue(service, { keyrings }, bounded)).status, 201, keyrings.join());
  }
  for (const keyrings of [undefined, ['*'], ['s*'], ['web', 'api'], ['w?b'], ['shop'], ['*-shop-*'], ['shop-*', '?']]) {
    t.match(
      await issue(service, keyrings === undefined ? {} : { keyrings }, bounded),
      { status: 403, body: { code: 'forbidden' } },
      String(keyrings),
    );
  }
});

t.test('a token reaches what its globs cover', async (t) => {
  const service = await startTestService(t);
  for (const name of ['web', 'shop-a', 'shop-ab', 'a.b']) await service.call({ method: 'POST', url: '/v1/keyrings', payload: { name } });
  const reach = async (keyrings: string[]) => {
    const token = await service.token(['app'], keyrings);
    const asked = ['web', 'shop-a', 'shop-ab', 'a.b'].map(async (name) => ({
      name,
      ...(await service.call({ url: `/v1/keyrings/${name}/keys`, token })),
    }));
    return (await Promise.all(asked)).filter(({ status }) => status === 200).map(({ name }) => name);
  };
  t.same(await reach(['*']), ['web', 'shop-a', 'shop-ab', 'a.b']);
  t.same(await reach(['shop-?']), ['shop-a']);
  t.same(await reach(['shop-*']), ['shop-a', 'shop-ab']);
  t.same(await reach(['a.b', 'w*b']), ['web', 'a.b']);
  t.same(await reach(['a?b', 'ab']), ['a.b'], 'a dot is a dot');
});

t.test('what a token cannot be', async (t) => {
  const service = await startTestService(t);
  const refused = [
    { name: '' },
    { name: ' x' },
    { name: 'x'.repeat(101) },
    { name: 'a\u0007b' },
    { name: 'right-to-left \u202e override' },
    { roles: [] },
    { roles: ['root'] },
    { roles: ['app', 'app'] },
    { roles: 'app' },
    { keyrings: [] },
    { keyrings: ['Web'] },
    { keyrings: [''] },
    { keyrings: Array(33).fill('a') },
    { keyrings: ['a'.repeat(65)] },
    { keyrings: ['a/b'] },
    { expiresInSeconds: 59 },
    { expiresInSeconds: 10 * 366 * 86_400 + 1 },
    { expiresInSeconds: '3600' },
    { expiresInSeconds: 60.5 },
    { id: 'mine' },
    { token: 'mine' },
  ];
  for (const more of refused)
    t.match(await issue(service, more), { status: 400, body: { code: 'invalid_request', faults: [{}] } }, JSON.stringify(more));
  t.equal((await issue(service, { expiresInSeconds: null, keyrings: ['*'] })).status, 201);
});

t.test('ids that are none, and tokens that are none', async (t) => {
  const { call } = await startTestService(t);
  t.match(await call({ method: 'DELETE', url: '/v1/tokens/000000000000' }), { status: 404, body: { code: 'token_not_found' } });
  for (const id of ['a-b', 'a_b', 'x'.repeat(65), '%00', '..'])
    t.ok([400, 404].includes((await call({ method: 'DELETE', url: `/v1/tokens/${id}` })).status), id);
  t.equal((await call({ method: 'DELETE', url: '/v1/tokens/000000000000?why=x' })).status, 400);
});

t.test('a store that is down refuses new tokens and serves those that are known', async (t) => {
  const service = await startTestService(t);
  await service.call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });
  const token = await service.token(['app']);
  await service.call({ url: '/v1/keyrings/web/keys' });
  service.store.faults.down = true;
  t.equal((await service.call({ url: '/v1/keyrings/web/keys', token })).status, 200);
});
