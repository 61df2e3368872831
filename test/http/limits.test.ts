import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import t from 'tap';
import { base62 } from '../../src/access/base62.ts';
import { problemFault } from '../support/problem.ts';
import { startTestService, type TestService, testSettings } from '../support/service.ts';
import { temporaryFolder } from '../support/sqlite.ts';

const limits = { ...testSettings('').limits, failedAuthPerMinute: 3, notFoundPerMinute: 5 };

/** A token that is well-formed and nobody's. */
function tokenWith(id: string): string {
  const body = `keyturn_${id}_${'A'.repeat(43)}`;
  return `${body}_${base62(BigInt(crc32(body)), 6)}`;
}

interface From {
  readonly remoteAddress?: string;
  readonly forwarded?: string;
  readonly token?: string | null;
  readonly url?: string;
}

const ask = ({ call, admin }: TestService, { remoteAddress = '192.0.2.1', forwarded, token = admin, url = '/v1/tokens' }: From) =>
  call({ url, token, remoteAddress, ...(forwarded !== undefined && { headers: { 'x-forwarded-for': forwarded } }) });

async function statuses(service: TestService, count: number, from: (index: number) => From): Promise<number[]> {
  const found: number[] = [];
  for (let index = 0; index < count; index++) found.push((await ask(service, from(index))).status);
  return found;
}

t.test('failed authentications of one address are limited, and told until when', async (t) => {
  const service = await startTestService(t, { settings: { limits } });
  t.same(await statuses(service, 5, () => ({ token: null })), [401, 401, 401, 429, 429]);
  const limited = await ask(service, { token: 'guess' });
  t.equal(problemFault(limited), null);
  t.equal(limited.body.code, 'rate_limited');
  t.equal(limited.headers['www-authenticate'], undefined);
  const seconds = Number(limited.headers['retry-after']);
  t.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `Retry-After: ${seconds}`);
  t.same(
    await statuses(service, 5, () => ({ remoteAddress: '192.0.2.2', token: null })),
    [401, 401, 401, 429, 429],
    'another address has its own count',
  );
});

t.test('who succeeds is never limited, even from an address that is', async (t) => {
  const service = await startTestService(t, { settings: { limits } });
  await statuses(service, 20, () => ({ token: null }));
  t.same(new Set(await statuses(service, 50, () => ({}))), new Set([200]));
  t.equal((await ask(service, { token: null })).status, 429);
  t.equal((await ask(service, { token: null, url: '/healthz' })).status, 200);
});

t.test('a bad token counts where readiness is asked too, which is told all the same', async (t) => {
  const service = await startTestService(t, { settings: { limits } });
  const guess = (index: number) => ({ url: '/readyz', token: tokenWith(`guess${String(index).padStart(7, '0')}`) });
  t.same(await statuses(service, 5, guess), [200, 200, 200, 200, 200]);
  t.equal((await ask(service, { token: null })).status, 429);
  t.ok((await ask(service, { url: '/readyz' })).body.overdueKeyrings, 'a good token is taken');
  t.same(await statuses(service, 2, () => ({ url: '/readyz', token: null, remoteAddress: '192.0.2.2' })), [200, 200]);
  t.equal((await ask(service, { token: null, remoteAddress: '192.0.2.2' })).status, 401, 'none is not counted there');
});

t.test('what does not exist is limited: paths, keyrings, versions, tokens together', async (t) => {
  const service = await startTestService(t, { settings: { limits } });
  const urls = ['/', '/wp-login.php', '/v1/keyrings/none', '/v1/keyrings/none/keys', '/v1/nothing', '/v1/keyrings/other', '/favicon.ico'];
  t.same(await statuses(service, urls.length, (index) => ({ url: urls[index] ?? '/' })), [404, 404, 404, 404, 404, 429, 429]);
  t.equal((await ask(service, { token: null })).status, 401, 'the counts of the two kinds are apart');
  t.equal((await ask(service, {})).status, 200);
});

t.test('invalid and forbidden requests are not counted', async (t) => {
  const service = await startTestService(t, { settings: { limits } });
  const token = await service.token(['app']);
  t.same(new Set(await statuses(service, 20, () => ({ token }))), new Set([403]));
  t.same(new Set(await statuses(service, 20, () => ({ url: '/v1/tokens?limit=0' }))), new Set([400]));
});

t.test('X-Forwarded-For is not believed where no proxy is configured', async (t) => {
  const service = await startTestService(t, { settings: { limits } });
  t.same(await statuses(service, 5, (index) => ({ token: null, forwarded: `198.51.100.${index}` })), [401, 401, 401, 429, 429]);
});

t.test('X-Forwarded-For is believed of the configured proxies only', async (t) => {
  const service = await startTestService(t, { settings: { limits, trustProxy: ['10.0.0.0/8'] } });
  const behind = (forwarded: string) => statuses(service, 4, () => ({ token: null, remoteAddress: '10.1.2.3', forwarded }));
  t.same(await behind('198.51.100.1'), [401, 401, 401, 429]);
  t.same(await behind('198.51.100.2'), [401, 401, 401, 429], 'each client behind the proxy has its own count');
  t.same(await behind('203.0.113.9, 198.51.100.2'), [429, 429, 429, 429], 'what a client adds in front changes nothing');
  t.same(
    await statuses(service, 4, (index) => ({ token: null, remoteAddress: '192.0.2.9', forwarded: `198.51.100.${50 + index}` })),
    [401, 401, 401, 429],
    'others are not believed',
  );
});

t.test('with every proxy trusted the first address counts', async (t) => {
  const service = await startTestService(t, { settings: { limits, trustProxy: true } });
  t.same(await statuses(service, 4, (index) => ({ token: null, forwarded: `198.51.100.7, 203.0.113.${index}` })), [401, 401, 401, 429]);
});

t.test(
  'what a proxy hands on in place of an address is neither recorded nor counted by: no header can make a record too long',
  async (t) => {
    const service = await startTestService(t, { settings: { limits, trustProxy: true } });
    const long = 'a'.repeat(9_000);
    t.same(await statuses(service, 4, (index) => ({ token: null, forwarded: `${index}${long}` })), [401, 401, 401, 429]);
    t.equal((await ask(service, { forwarded: long })).status, 200);
    const { body } = await ask(service, { url: '/v1/audit?outcome=done&limit=1&action=token.list' });
    t.match(body.items, [{ address: '192.0.2.1' }]);
    t.equal((await ask(service, { url: '/readyz' })).body.checks.audit.status, 'ok');
  },
);

t.test('an address that failed too often puts no question to the store, and a good token of it is served', async (t) => {
  const service = await startTestService(t, { settings: { limits } });
  const unknown = (index: number) => tokenWith(String(index).padStart(12, '0'));
  const asked: string[] = [];
  const { get } = service.tokens;
  service.tokens.get = (id) => {
    asked.push(id);
    return get.call(service.tokens, id);
  };
  t.same(await statuses(service, 8, (index) => ({ token: unknown(index) })), [401, 401, 401, 429, 429, 429, 429, 429]);
  t.equal(asked.length, 4, 'the fourth was the one that was too much');
  t.equal((await ask(service, {})).status, 200);
  t.equal((await ask(service, { token: unknown(9), remoteAddress: '192.0.2.2' })).status, 401, 'another address');
  t.equal(asked.length, 5);
  await service.clock.advance(61_000);
  await ask(service, { token: unknown(10) });
  t.equal(asked.length, 6, 'a minute later it may try again');
});

t.test('instances that share a token may all begin at once with a keyring that this replica has not read yet', async (t) => {
  const service = await startTestService(t, { settings: { limits: { ...limits, unknownNamesPerMinute: 4 } } });
  const { call, store } = service;
  await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });
  const slow = Promise.withResolvers<void>();
  store.faults.delayNext('load', slow.promise);
  const answers = Array.from({ length: 9 }, () => call({ url: '/v1/keyrings/web/keys' }));
  await sleep(50);
  slow.resolve();
  t.same(
    (await Promise.all(answers)).map(({ status }) => status),
    Array.from({ length: 9 }, () => 200),
  );
});

t.test('a request that is held asks for nothing any more', async (t) => {
  const settings = { limits: { ...limits, unknownNamesPerMinute: 1 } };
  const dataDir = temporaryFolder(t);
  const first = await startTestService(t, { dataDir, settings });
  const tags = new Map<string, string>();
  for (const name of ['api', 'web']) {
    await first.call({ method: 'POST', url: '/v1/keyrings', payload: { name } });
    tags.set(name, String((await first.call({ url: `/v1/keyrings/${name}/keys` })).headers.etag));
  }
  await first.service.stop();
  const { call, clock, admin } = { ...(await startTestService(t, { dataDir, settings })), admin: first.admin };
  const held: ReturnType<TestService['call']>[] = [];
  for (const name of ['api', 'web']) {
    held.push(call({ url: `/v1/keyrings/${name}/keys?wait=5`, token: admin, headers: { 'if-none-match': tags.get(name) ?? '' } }));
    await sleep(50);
  }
  await clock.advance(5_000);
  t.same(
    (await Promise.all(held)).map(({ status }) => status),
    [304, 304],
  );
});

t.test('a token for all keyrings cannot ask the store for one unknown name after the other', async (t) => {
  const service = await startTestService(t, { settings: { limits: { ...limits, notFoundPerMinute: 1_000, unknownNamesPerMinute: 4 } } });
  const { call, store } = service;
  for (const name of ['held', 'fresh']) await call({ method: 'POST', url: '/v1/keyrings', payload: { name } });
  await call({ url: '/v1/keyrings/held/keys' });
  const loads = () => store.faults.calls.get('load') ?? 0;
  const before = loads();
  t.same(await statuses(service, 7, (index) => ({ url: `/v1/keyrings/none-${index}/keys?wait=0` })), [404, 404, 404, 404, 429, 429, 429]);
  t.equal(loads() - before, 4);
  t.equal((await call({ url: '/v1/keyrings/held/keys' })).status, 200, 'what is at hand is served');
  t.equal(
    (await call({ url: '/v1/keyrings/fresh/keys', token: await service.token(['app']) })).status,
    200,
    'other tokens are not concerned',
  );
});
