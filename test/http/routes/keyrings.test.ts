import t from 'tap';
import { KeyturnError } from '../../../src/core/errors.ts';
import type { KeyringName } from '../../../src/core/name.ts';
import { DEFAULT_POLICY } from '../../../src/core/policy.ts';
import { START, startTestService } from '../../support/service.ts';

const DAY = 86_400_000;
const GOOD_KEY = 'Zq3Tb7Wn1Xs5Vd9Rf2Kg6Hj4Lm8Pc0Ya_in-use-today';

t.test('creates a keyring with a generated key that signs at once', async (t) => {
  const { call, admin } = await startTestService(t);
  const { status, headers, body } = await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web', reason: 'the shop' } });
  t.equal(status, 201);
  t.equal(headers.location, '/v1/keyrings/web');
  t.equal(headers.etag, `"${body.revision}"`);
  const by = { id: `token:${admin.slice(8, 20)}`, name: 'bootstrap' };
  const at = new Date(START).toISOString();
  t.match(body, {
    name: 'web',
    state: 'active',
    created: { at, by, reason: 'the shop' },
    changed: { at, by },
    policy: DEFAULT_POLICY,
    derived: { propagationSeconds: 86_430, graceSeconds: 86_430 + 31 * 86_400 },
    versions: [{ version: 1, role: 'current', kind: 'created', publishedAt: at, activatesAt: at, verifyUntil: null }],
    nextRotationAt: '2026-04-01T03:00:00.000Z',
    deletion: null,
  });
  t.match((await call({ url: '/v1/keyrings/web/keys' })).body.current, { version: 1, key: /^[0-9a-f]{64}$/ });
});

t.test('takes over a key in use, and judges it', async (t) => {
  const { call } = await startTestService(t);
  const { status, body } = await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'old', key: GOOD_KEY } });
  t.equal(status, 201);
  t.equal(body.versions[0].kind, 'imported');
  t.equal((await call({ url: '/v1/keyrings/old/keys' })).body.current.key, GOOD_KEY);
  for (const key of [
    'short',
    'a'.repeat(64),
    'abcdef0123456789'.repeat(4),
    ` ${GOOD_KEY}`,
    `${GOOD_KEY}\n`,
    `${GOOD_KEY}é`,
    'dev-secret-key-change-me'.slice(0, 22),
  ]) {
    const refused = await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'weak', key } });
    t.match(refused, { status: 422, body: { code: 'weak_key', faults: [{ path: '/key' }] } });
    t.notOk(refused.text.includes(key.trim()), 'without quoting it');
  }
  t.equal((await call({ url: '/v1/keyrings/weak' })).status, 404, 'nothing was made');
  t.equal((await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'weak', key: '' } })).status, 400);
});

t.test('a name is taken once, also while its keyring is deleted', async (t) => {
  const { call } = await startTestService(t);
  const create = () => call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });
  t.equal((await create()).status, 201);
  t.match(await create(), { status: 409, body: { code: 'keyring_exists' } });
  await call({ method: 'DELETE', url: '/v1/keyrings/web' });
  t.match(await create(), { status: 409, body: { code: 'keyring_exists', detail: /can be restored/ } });
});

t.test('the names that fit the pattern are names, the others are not', async (t) => {
  const { call } = await startTestService(t);
  const create = (name: unknown) => call({ method: 'POST', url: '/v1/keyrings', payload: { name } });
  for (const name of ['a', '0', 'a.b_c-d', 'x'.repeat(63), '__proto__'.slice(2), 'constructor', 'a..'])
    t.equal((await create(name)).status, 201, name);
  for (const name of ['', '.a', '-a', '_a', 'A', 'a b', 'a/b', 'ä', 'x'.repeat(64), 'a\u0000', 'a\n', 1, null, ['a'], '__proto__']) {
    t.match(await create(name), { status: 400, body: { code: 'invalid_request', faults: [{ path: 'body/name' }] } }, String(name));
  }
});

t.test('a policy that cannot hold is refused with the broken inequality', async (t) => {
  const { call } = await startTestService(t);
  const create = (policy: object) => call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web', policy } });
  const cron = (text: string, timeZone = 'UTC') => ({ schedule: { cron: text, timeZone } });
  const refusals: [object, RegExp][] = [
    [cron('* * * * *'), /time between slots > lease \+ skew does not hold: the shortest is 60 s, and 86400 s \+ 30 s/],
    [cron('0 3 * * *'), /the shortest is 86400 s, and 86400 s \+ 30 s pass/],
    [{ refreshSeconds: 60, leaseSeconds: 90 }, /2 × refresh ≤ lease does not hold: 2 × 60 s > 90 s/],
    [{ ...cron('0 3 * * *'), leaseSeconds: 3_600, tokenLifetimeSeconds: 400 * 86_400 }, /keys that verify at one time ≤ 64 does not hold/],
    [cron('0 0 30 2 *'), /never fires/],
    [cron('0 3 1 * * *  '), /separated by single spaces/],
    [cron('61 3 1 * *'), /out of range or not in the dialect/],
    [cron('@monthly'), /five fields/],
    [cron('0 3 1 * *', 'Mars/Olympus'), /IANA time zone/],
    [cron('0 3 1 * *', '+02:00'), /IANA time zone/],
  ];
  for (const [policy, words] of refusals) t.match(await create(policy), { status: 422, body: { code: 'invalid_policy', detail: words } });
  const absurd = [
    { leaseSeconds: 1 },
    { leaseSeconds: 1e300 },
    { leaseSeconds: 60.5 },
    { tokenLifetimeSeconds: 0 },
    { skewSeconds: -1 },
    { keyBytes: 16 },
    { keyBytes: '32' },
    { keyEncoding: 'base64' },
    { schedule: 'daily' },
    { schedule: { cron: '0 3 1 * *', zone: 'UTC' } },
    { cron: '0 3 1 * *' },
  ];
  for (const policy of absurd) t.match(await create(policy), { status: 400, body: { code: 'invalid_request' } }, JSON.stringify(policy));
  t.equal((await create({ schedule: null, keyBytes: 64, keyEncoding: 'base64url' })).status, 201);
});

t.test('lists by name, page by page, each once', async (t) => {
  const { call } = await startTestService(t);
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (const name of [...names].reverse()) await call({ method: 'POST', url: '/v1/keyrings', payload: { name } });
  const seen: string[] = [];
  let after = '';
  for (let page = 1; page <= 3; page++) {
    const { body } = await call({ url: `/v1/keyrings?limit=2${after}` });
    seen.push(...body.items.map(({ name }: { name: string }) => name));
    t.equal(body.next === null, page === 3);
    after = `&after=${body.next}`;
  }
  t.same(seen, names);
  t.equal((await call({ url: '/v1/keyrings?limit=5' })).body.next, null, 'a page that just fits is the last');
});

t.test('a list shows what the globs of the token cover, and its cursor names nothing else', async (t) => {
  const { call, token, store } = await startTestService(t);
  for (const name of ['shop-a', 'shop-b', 'shop-c', 'web']) await call({ method: 'POST', url: '/v1/keyrings', payload: { name } });
  const { page } = store;
  // Pages of one name, as a store with thousands would have them.
  store.page = (after: KeyringName | null) => page(after, 1);
  const bounded = await token(['operator'], ['shop-?', 'other']);
  const first = (await call({ url: '/v1/keyrings?limit=2', token: bounded })).body;
  t.same(
    first.items.map(({ name }: { name: string }) => name),
    ['shop-a', 'shop-b'],
  );
  t.equal(Buffer.from(first.next, 'base64url').toString(), 'keyrings:shop-b');
  const second = (await call({ url: `/v1/keyrings?limit=2&after=${first.next}`, token: bounded })).body;
  t.same(
    second.items.map(({ name }: { name: string }) => name),
    ['shop-c'],
  );
  t.equal(second.next, null);
  const web = (await call({ url: '/v1/keyrings?limit=1', token: await token(['auditor'], ['web']) })).body;
  t.same([web.items[0].name, web.next], ['web', null], 'however many others lie before it');
});

t.test('a policy changes for who has read it last', async (t) => {
  const { call } = await startTestService(t);
  const { headers } = await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });
  const etag = String(headers.etag);
  const patch = (ifMatch: string | undefined, policy: object = { refreshSeconds: 30 }, url = '/v1/keyrings/web') =>
    call({ method: 'PATCH', url, payload: { policy }, headers: ifMatch === undefined ? {} : { 'if-match': ifMatch } });
  t.match(await patch(undefined), { status: 428, body: { code: 'precondition_required' } });
  t.match(await patch(undefined, {}, '/v1/keyrings/none'), { status: 428 });
  for (const not of ['*', `W/${etag}`, etag.slice(1), `${etag}, "other"`, '', 'x'.repeat(1_001)]) {
    t.match(await patch(not), { status: 400, body: { code: 'invalid_request', detail: /If-Match must hold an ETag/ } }, not);
  }
  t.match(await patch('"other"'), { status: 412, body: { code: 'precondition_failed' } });
  t.match(await patch('"other"', {}, '/v1/keyrings/none'), { status: 404 });
  t.match(await patch(etag, { leaseSeconds: 60 }), { status: 422, body: { code: 'invalid_policy' } });
  const changed = await patch(etag, { refreshSeconds: 30, schedule: { cron: '0 4 * * SUN', timeZone: 'Europe/Berlin' } });
  t.match(changed, { status: 200, body: { policy: { refreshSeconds: 30 }, nextRotationAt: '2026-03-08T03:00:00.000Z' } });
  t.equal(changed.headers.etag, `"${changed.body.revision}"`);
  t.not(changed.headers.etag, etag);
  t.match(await patch(etag), { status: 412 }, 'the tag is used up');
  t.equal((await call({ url: '/v1/keyrings/web' })).headers.etag, changed.headers.etag);
  t.match(await patch(String(changed.headers.etag), { schedule: { cron: '0 4 * * SUN' } }), {
    body: { policy: { schedule: { timeZone: 'UTC' } } },
  });
});

t.test('of two changes at the same time one wins', async (t) => {
  const { call } = await startTestService(t);
  const { headers } = await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });
  const patch = (refreshSeconds: number) =>
    call({
      method: 'PATCH',
      url: '/v1/keyrings/web',
      payload: { policy: { refreshSeconds } },
      headers: { 'if-match': String(headers.etag) },
    });
  const statuses = (await Promise.all([patch(10), patch(20)])).map(({ status }) => status);
  t.same(statuses.sort(), [200, 412]);
});

t.test('deletes, and takes it back within the window', async (t) => {
  const { call, pass, clock } = await startTestService(t);
  await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });
  t.match(await call({ method: 'POST', url: '/v1/keyrings/web/restore' }), { status: 409, body: { code: 'keyring_not_deleted' } });
  for (const days of ['6', '31', '7.5', 'x', ''])
    t.equal((await call({ method: 'DELETE', url: `/v1/keyrings/web?recoveryDays=${days}` })).status, 400);
  const deleted = await call({ method: 'DELETE', url: '/v1/keyrings/web?reason=unused' });
  t.match(deleted, {
    status: 200,
    body: {
      state: 'deleted',
      deletion: { deleted: { reason: 'unused' }, purgeAt: new Date(START + 7 * DAY).toISOString(), purgedAt: null },
    },
  });
  t.match(await call({ url: '/v1/keyrings/web/keys' }), {
    status: 410,
    body: { code: 'keyring_deleted', detail: /restored until 2026-03-08/ },
  });
  t.match(await call({ method: 'DELETE', url: '/v1/keyrings/web' }), { status: 410 });
  t.match(await call({ method: 'POST', url: '/v1/keyrings/web/rotate', payload: { reason: 'x' } }), { status: 410 });
  const etag = String(deleted.headers.etag);
  t.match(await call({ method: 'PATCH', url: '/v1/keyrings/web', payload: { policy: {} }, headers: { 'if-match': etag } }), {
    status: 410,
  });
  await pass(7 * DAY - 1_000);
  t.match(await call({ method: 'POST', url: '/v1/keyrings/web/restore', payload: { reason: 'needed' } }), {
    status: 200,
    body: { state: 'active', deletion: null },
  });
  t.equal((await call({ url: '/v1/keyrings/web/keys' })).status, 200);

  await call({ method: 'DELETE', url: '/v1/keyrings/web?recoveryDays=30' });
  await clock.advance(30 * DAY);
  t.match(await call({ method: 'POST', url: '/v1/keyrings/web/restore' }), { status: 410, body: { detail: /recovery window .* is over/ } });
  await pass(1_000);
  t.match((await call({ url: '/v1/keyrings/web' })).body, { state: 'purged', versions: [] });
  t.match(await call({ method: 'POST', url: '/v1/keyrings/web/restore' }), { status: 410 });
  t.match(
    (await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } })).body.versions,
    [{ version: 2 }],
    'no number comes twice',
  );
});

t.test('what does not exist is 404 for everything', async (t) => {
  const { call } = await startTestService(t);
  const payload = { reason: 'x' };
  const calls = [
    call({ url: '/v1/keyrings/none' }),
    call({ url: '/v1/keyrings/none/keys' }),
    call({ url: '/v1/keyrings/none/history' }),
    call({ method: 'DELETE', url: '/v1/keyrings/none' }),
    call({ method: 'POST', url: '/v1/keyrings/none/restore' }),
    call({ method: 'POST', url: '/v1/keyrings/none/rotate', payload }),
    call({ method: 'POST', url: '/v1/keyrings/none/versions/1/revoke', payload }),
  ];
  for (const called of await Promise.all(calls)) t.match(called, { status: 404, body: { code: 'keyring_not_found' } });
});

t.test('a store that is down is 503, and nothing was changed', async (t) => {
  const { call, store } = await startTestService(t);
  await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });
  store.faults.down = true;
  for (const called of [
    await call({ url: '/v1/keyrings' }),
    await call({ url: '/v1/keyrings/web' }),
    await call({ method: 'DELETE', url: '/v1/keyrings/web' }),
  ])
    t.match(called, { status: 503, body: { code: 'store_unavailable' } });
  store.faults.down = false;
  t.equal((await call({ url: '/v1/keyrings/web' })).body.state, 'active');
});

t.test('a keyring whose document is damaged hides no other: the list names it', async (t) => {
  const { call, store } = await startTestService(t);
  for (const name of ['a', 'b', 'c']) await call({ method: 'POST', url: '/v1/keyrings', payload: { name } });
  const load = store.load.bind(store);
  store.load = async (name, options) => {
    if (name === 'b') throw new KeyturnError('corrupt_document', 'The document of b is damaged (test).');
    return load(name, options);
  };
  const { status, body } = await call({ url: '/v1/keyrings' });
  t.equal(status, 200);
  t.same(
    body.items.map(({ name }: { name: string }) => name),
    ['a', 'c'],
  );
  t.same(body.unreadable, ['b']);
});
