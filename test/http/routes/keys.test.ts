import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { START, startTestService, type TestService, testSettings } from '../../support/service.ts';

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
const KEYS = '/v1/keyrings/web/keys';

async function withWeb(t: Parameters<typeof startTestService>[0], policy: object = {}): Promise<TestService> {
  const service = await startTestService(t);
  const { status } = await service.call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web', policy } });
  if (status !== 201) throw new Error(`The keyring was refused with ${status}.`);
  return service;
}

const rotate = ({ call }: TestService, kind: string, reason = 'test') =>
  call({ method: 'POST', url: '/v1/keyrings/web/rotate', payload: { kind, reason } });

/** A held request: its answer later, and whether it has come yet. */
function hold({ call }: TestService, etag: string | undefined, seconds: number, token?: string) {
  const held = { answered: false };
  const answer = call({ url: `${KEYS}?wait=${seconds}`, headers: { 'if-none-match': String(etag) }, ...(token && { token }) });
  answer.then(() => {
    held.answered = true;
  });
  return { held, answer };
}

/** Until the request is held. */
async function untilHeld({ call }: TestService, count = 1): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if ((await call({ url: '/metrics' })).text.includes(`keyturn_requests_waiting ${count}`)) return;
    await turn();
  }
  throw new Error('The request is not held.');
}

t.test('the keys of a keyring, through a whole rotation', async (t) => {
  const service = await withWeb(t);
  const { call, clock, token } = service;
  const app = await token(['app'], ['web']);
  const first = await call({ url: KEYS, token: app, headers: { 'keyturn-instance': 'web-1' } });
  t.equal(first.status, 200);
  t.equal(first.headers['cache-control'], 'no-store');
  t.equal(first.headers['keyturn-lease'], '86400');
  t.equal(first.headers['keyturn-refresh'], '60');
  t.match(first.body, { name: 'web', current: { version: 1 }, previous: [], next: null, refreshAfterSeconds: 60, leaseSeconds: 86_400 });

  await rotate(service, 'scheduled');
  const second = await call({ url: KEYS, token: app });
  t.not(second.headers.etag, first.headers.etag);
  t.same(second.body.current, first.body.current, 'the old key signs on');
  t.match(second.body.next, { version: 2, activatesAt: new Date(START + DAY + 30 * SECOND).toISOString() });

  await clock.advance(DAY + 30 * SECOND - 1);
  await service.service.validate();
  t.equal((await call({ url: KEYS, token: app })).headers.etag, second.headers.etag);
  await clock.advance(1);
  const third = await call({ url: KEYS, token: app });
  t.not(third.headers.etag, second.headers.etag, 'time alone changes the roles and the tag');
  t.equal(third.body.current.key, second.body.next.key);
  t.match(third.body, { current: { version: 2 }, previous: [{ version: 1, key: first.body.current.key }], next: null });
});

t.test('304 while the keys at hand are right', async (t) => {
  const service = await withWeb(t);
  const { call } = service;
  const { headers } = await call({ url: KEYS });
  const etag = String(headers.etag);
  const ask = (ifNoneMatch: string) => call({ url: KEYS, headers: { 'if-none-match': ifNoneMatch } });
  for (const same of [etag, `W/${etag}`, `"other", ${etag}`, `"other",${etag} , W/"more"`, `, ,${etag}`, `"a,b", ${etag}`, `"", ${etag}`]) {
    const called = await ask(same);
    t.equal(called.status, 304, same);
    t.equal(called.text, '');
    t.match(called.headers, { etag, 'cache-control': 'no-store', 'keyturn-lease': '86400', 'keyturn-refresh': '60' });
  }
  for (const other of ['"other"', 'W/"other"', '*', '"a,b"', `"${etag.slice(1, -2)}"`]) t.equal((await ask(other)).status, 200, other);
  for (const not of [etag.slice(1), `${etag} ${etag}`, 'nothing', '"', `${etag};`, `w/${etag}`, `"${'x'.repeat(1_000)}"`]) {
    t.match(await ask(not), { status: 400, body: { code: 'invalid_request' } }, not);
  }
  await rotate(service, 'scheduled');
  t.equal((await ask(etag)).status, 200);
});

t.test('a held request is answered within one turn of the rotation', async (t) => {
  const service = await withWeb(t);
  const { headers } = await service.call({ url: KEYS });
  const { held, answer } = hold(service, headers.etag, 300);
  await untilHeld(service);
  t.notOk(held.answered);
  const rotated = await rotate(service, 'scheduled');
  for (let turns = 0; turns < 5 && !held.answered; turns++) await turn();
  t.ok(held.answered, 'no timer was needed');
  t.match(await answer, { status: 200, body: { revision: rotated.body.revision, next: { version: 2 } } });
});

t.test('a held request ends when time changes the roles', async (t) => {
  const service = await withWeb(t, { leaseSeconds: 120, schedule: null });
  const { call, clock } = service;
  await rotate(service, 'scheduled');
  const { headers } = await call({ url: KEYS });
  await clock.advance(100 * SECOND);
  await service.service.validate();
  const { held, answer } = hold(service, headers.etag, 300);
  await untilHeld(service);
  await clock.advance(49 * SECOND);
  await service.service.validate();
  t.notOk(held.answered);
  await clock.advance(1 * SECOND);
  t.match(await answer, { status: 200, body: { current: { version: 2 }, previous: [{ version: 1 }] } });
});

t.test('a held request ends with 304 when its time is over, and never waits longer than the service allows', async (t) => {
  const service = await startTestService(t, {
    settings: {
      limits: {
        bodyBytes: 65_536,
        failedAuthPerMinute: 1_000,
        notFoundPerMinute: 1_000,
        maxWaitSeconds: 20,
        unknownNamesPerMinute: 1_000,
        heldRequests: 1_000,
        connections: 1_000,
      },
    },
  });
  await service.call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });
  const { headers } = await service.call({ url: KEYS });
  for (const [asked, granted] of [
    [5, 5],
    [300, 20],
  ] as const) {
    const { held, answer } = hold(service, headers.etag, asked);
    await untilHeld(service);
    await service.clock.advance(granted * SECOND - 1);
    t.notOk(held.answered, `${asked}`);
    await service.clock.advance(1);
    t.match(await answer, { status: 304, headers: { etag: headers.etag } });
  }
  t.equal(
    (await service.call({ url: `${KEYS}?wait=0`, headers: { 'if-none-match': String(headers.etag) } })).status,
    304,
    'wait=0 holds nobody',
  );
  t.equal((await service.call({ url: `${KEYS}?wait=300` })).status, 200, 'nor does a first request');
  t.equal((await service.call({ url: `${KEYS}?wait=300`, headers: { 'if-none-match': '"other"' } })).status, 200, 'nor a tag that is old');
  for (const wait of ['301', '-1', '1.5', 'x', '', '1&wait=2'])
    t.equal((await service.call({ url: `${KEYS}?wait=${wait}` })).status, 400, wait);
});

t.test('held requests end when the keyring is deleted and when the service drains', async (t) => {
  const service = await withWeb(t);
  const { headers } = await service.call({ url: KEYS });
  const first = hold(service, headers.etag, 300);
  await untilHeld(service);
  await service.call({ method: 'DELETE', url: '/v1/keyrings/web' });
  t.match(await first.answer, { status: 410, body: { code: 'keyring_deleted' } });
  await service.call({ method: 'POST', url: '/v1/keyrings/web/restore' });
  const now = await service.call({ url: KEYS });
  const second = hold(service, now.headers.etag, 300);
  await untilHeld(service);
  await service.service.stop();
  t.equal((await second.answer).status, 304);
});

t.test('a token revoked while its request is held hears nothing of the keys that follow', async (t) => {
  const service = await withWeb(t);
  const { call, clock } = service;
  const issue = async (more = {}) =>
    (await call({ method: 'POST', url: '/v1/tokens', payload: { name: 'leaked', roles: ['app'], keyrings: ['web'], ...more } })).body;
  const [leaked, short] = [await issue(), await issue({ expiresInSeconds: 60 })];
  const { headers } = await call({ url: KEYS });
  const [first, second] = [hold(service, headers.etag, 300, leaked.token), hold(service, headers.etag, 300, short.token)];
  await untilHeld(service, 2);
  await call({ method: 'DELETE', url: `/v1/tokens/${leaked.id}` });
  await clock.advance(60 * SECOND);
  await service.service.validate();
  await rotate(service, 'emergency');
  for (const { answer } of [first, second]) t.match(await answer, { status: 401, body: { code: 'unauthenticated' } });
});

t.test('a caller that goes away is let go', async (t) => {
  const service = await withWeb(t);
  const { headers } = await service.call({ url: KEYS });
  const url = await service.app.listen({ host: '127.0.0.1', port: 0 });
  const gone = new AbortController();
  const asked = fetch(`${url}${KEYS}?wait=300`, {
    signal: gone.signal,
    headers: { authorization: `Bearer ${service.admin}`, 'if-none-match': String(headers.etag) },
  });
  t.ok(await until(() => waiting(service, 1)));
  gone.abort();
  await t.rejects(asked);
  t.ok(await until(() => waiting(service, 0)));
});

/** Looks again and again, while a real connection does its work; false after ten seconds. */
async function until(condition: () => Promise<boolean>): Promise<boolean> {
  for (let look = 0; look < 1_000; look++) {
    if (await condition()) return true;
    await sleep(10);
  }
  return false;
}

const waiting = async ({ call }: TestService, count: number) =>
  (await call({ url: '/metrics' })).text.includes(`keyturn_requests_waiting ${count}\n`);

t.test('while the store is silent the lease shrinks, then the answer is 503, then all is well again', async (t) => {
  const service = await withWeb(t, { leaseSeconds: 3_600 });
  const { call, clock, store } = service;
  const { headers } = await call({ url: KEYS });
  const ask = () => call({ url: KEYS, headers: { 'if-none-match': String(headers.etag) } });
  store.faults.down = true;
  await clock.advance(1_000 * SECOND + 1);
  t.match(await ask(), { status: 304, headers: { 'keyturn-lease': '2599' } }, 'rounded down');
  t.match((await call({ url: KEYS })).body, { leaseSeconds: 2_599 });
  await clock.advance(2_599 * SECOND - 1);
  t.match(await ask(), { status: 304, headers: { 'keyturn-lease': '1' } });
  await clock.advance(1);
  const exhausted = await ask();
  t.match(exhausted, { status: 503, headers: { 'retry-after': '5' }, body: { code: 'lease_exhausted' } });
  t.match(await call({ url: KEYS }), { status: 503, headers: { 'retry-after': '5' } });
  store.faults.down = false;
  t.match(await ask(), { status: 304, headers: { 'keyturn-lease': '3600' } });
});

t.test('a clock that is set back makes no lease longer', async (t) => {
  const service = await withWeb(t, { leaseSeconds: 3_600 });
  const { call, clock, store } = service;
  await call({ url: KEYS });
  store.faults.down = true;
  await clock.advance(600 * SECOND);
  clock.setBack(600 * SECOND);
  t.equal((await call({ url: KEYS })).headers['keyturn-lease'], '3000');
});

t.test('material that is gone is a 500 that says so', async (t) => {
  const service = await withWeb(t);
  service.store.getMaterial = async () => undefined;
  t.match(await service.call({ url: KEYS }), { status: 500, body: { code: 'material_missing', detail: /Rotate immediately/ } });
});

t.test('an instance names itself in its own alphabet', async (t) => {
  const { call } = await withWeb(t);
  for (const instance of ['web-1', 'a/b:c@d._-', 'x'.repeat(128)])
    t.equal((await call({ url: KEYS, headers: { 'keyturn-instance': instance } })).status, 200);
  for (const instance of ['', 'a b', 'x'.repeat(129), 'ä'])
    t.equal((await call({ url: KEYS, headers: { 'keyturn-instance': instance } })).status, 400);
});

t.test('beyond limits.heldRequests a request is answered at once, with its lease renewed, and metrics tell', async (t) => {
  const service = await startTestService(t, { settings: { limits: { ...testSettings('').limits, heldRequests: 1 } } });
  await service.call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });
  const { headers } = await service.call({ url: KEYS });
  const first = hold(service, headers.etag, 100);
  await untilHeld(service);
  const second = await hold(service, headers.etag, 100).answer;
  t.match(second, { status: 304, headers: { 'keyturn-lease': String } });
  t.match((await service.call({ url: '/metrics' })).text, /^keyturn_requests_not_held 1$/m);
  t.notOk(first.held.answered);
  await rotate(service, 'immediate');
  t.match(await first.answer, { status: 200 });
});

t.test('a held request that shows its keys when it comes does not make its record say that a lease has ended', async (t) => {
  const service = await withWeb(t);
  const { call, clock } = service;
  const headers = { 'keyturn-instance': 'web-1' };
  const { etag } = (await call({ url: KEYS, headers })).headers;
  await clock.advance(SECOND);
  const answer = call({ url: `${KEYS}?wait=30`, headers: { ...headers, 'if-none-match': String(etag) } });
  await untilHeld(service);
  await clock.advance(30 * SECOND);
  t.equal((await answer).status, 304);
  const { items } = (await call({ url: '/v1/audit?action=keys.read&order=oldest' })).body;
  t.same(
    items.map(({ outcome, reason }: { outcome: string; reason: string | null }) => [outcome, reason]),
    [
      ['done', null],
      ['unchanged', null],
      ['unchanged', null],
    ],
  );
});
