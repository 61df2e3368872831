import t from 'tap';
import { DAY, HOUR, MINUTE, SECOND, toIso } from '../../src/core/time.ts';
import { createWeb, rotateWeb, TestInstance } from '../support/instance.ts';
import { START, startTestService, type TestService } from '../support/service.ts';

const url = '/v1/keyrings/web/instances';
const fleetOf = async (service: TestService, query = '') => (await service.call({ url: `${url}${query}` })).body;

t.test('an instance is listed with what it holds, since when, and until when', async (t) => {
  const service = await startTestService(t);
  await createWeb(service);
  const instance = new TestInstance(service, 'web-1');
  await instance.ask();
  await service.pass(MINUTE);
  await instance.ask();
  const body = await fleetOf(service);
  t.match(body, { name: 'web', next: null, revision: /^\d+-/ });
  t.match(body.items, [
    {
      instance: 'web-1',
      principal: /^token:/,
      address: '127.0.0.1',
      firstSeen: toIso(START),
      lastSeen: toIso(START + MINUTE),
      leaseUntil: toIso(START + MINUTE + DAY),
      isLive: true,
      offered: { current: 1, newest: 1 },
      holds: { current: 1, newest: 1, since: toIso(START + MINUTE) },
      lags: false,
      lagsUntil: null,
      mayHoldRevoked: false,
    },
  ]);
  const summary = {
    at: toIso(START + MINUTE),
    newest: 1,
    instances: 1,
    anonymous: 0,
    lagging: 0,
    completeSince: toIso(START - 10 * MINUTE),
  };
  t.same(body.summary, {
    ...summary,
    activation: {
      state: 'none',
      version: null,
      plannedAt: null,
      expectedAt: null,
      reason: null,
      message: 'No version waits for its activation.',
    },
    revoked: null,
  });
});

t.test('the summary says what the next version waits for', async (t) => {
  const service = await startTestService(t);
  await createWeb(service);
  const [one, two] = [new TestInstance(service, 'web-1'), new TestInstance(service, 'web-2')];
  for (const instance of [one, two]) await instance.ask();
  await service.pass(HOUR);
  await rotateWeb(service);
  for (let round = 0; round < 2; round++) await one.ask();
  const { summary, items } = await fleetOf(service);
  t.same(
    items.map(({ lags, lagsUntil }: Record<string, unknown>) => [lags, lagsUntil]),
    [
      [false, null],
      [true, toIso(START + DAY)],
    ],
  );
  t.match(summary, { newest: 2, instances: 2, lagging: 1 });
  t.same(summary.activation, {
    state: 'waiting',
    version: 2,
    plannedAt: toIso(START + HOUR + DAY + 30 * SECOND),
    expectedAt: toIso(START + DAY + 30 * SECOND),
    reason: 'instances_behind',
    message: '1 of 2 instances may lack version 2; the longest, web-2, until 2026-03-02T12:00:30.000Z.',
  });
  await new TestInstance(service, null).ask();
  t.match((await fleetOf(service)).summary, {
    anonymous: 1,
    activation: { reason: 'anonymous_lease', expectedAt: summary.activation.plannedAt },
  });
});

t.test('a version that everybody holds is safe until the next sweep has activated it', async (t) => {
  const service = await startTestService(t);
  await createWeb(service);
  await rotateWeb(service);
  t.match((await fleetOf(service)).summary.activation, { state: 'safe', version: 2, expectedAt: null, reason: null });
});

t.test('after an emergency rotation it shows who may still use the old key, and when the last one was out', async (t) => {
  const service = await startTestService(t);
  await createWeb(service);
  const [one, two] = [new TestInstance(service, 'web-1'), new TestInstance(service, 'web-2')];
  for (const instance of [one, two]) await instance.ask();
  await service.pass(HOUR);
  await rotateWeb(service, 'emergency');
  await service.pass(MINUTE);
  for (let round = 0; round < 2; round++) await one.ask();
  const during = await fleetOf(service);
  t.same(
    during.items.map(({ mayHoldRevoked }: Record<string, unknown>) => mayHoldRevoked),
    [false, true],
  );
  const cut = { versions: [1], at: toIso(START + HOUR), othersMay: false };
  t.same(during.summary.revoked, { ...cut, mayHold: 1, cleared: false, clearedAt: toIso(START + DAY + 30 * SECOND) });
  await service.pass(MINUTE);
  for (let round = 0; round < 2; round++) await two.ask();
  await service.pass(5 * DAY);
  t.same((await fleetOf(service)).summary.revoked, { ...cut, mayHold: 0, cleared: true, clearedAt: toIso(START + HOUR + 2 * MINUTE) });
});

t.test('pages go on where the last one ended, and a cursor of another list is refused', async (t) => {
  const service = await startTestService(t);
  await createWeb(service);
  for (const name of ['c', 'a', null, 'b']) await new TestInstance(service, name).ask();
  const seen: (string | null)[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const page = await fleetOf(service, `?limit=1${after === '' ? '' : `&after=${after}`}`);
    seen.push(...page.items.map(({ instance }: { instance: string | null }) => instance));
    after = page.next;
  }
  t.same(seen, [null, 'a', 'b', 'c']);
  const other = Buffer.from('history:1').toString('base64url');
  t.match(await service.call({ url: `${url}?after=${other}` }), { status: 400, body: { code: 'invalid_request' } });
});

t.test('operators and auditors may look, of keyrings that they may touch; applications may not', async (t) => {
  const service = await startTestService(t);
  await createWeb(service);
  const status = async (token: string) => (await service.call({ url, token })).status;
  t.equal(await status(await service.token(['operator'])), 200);
  t.equal(await status(await service.token(['auditor'])), 200);
  t.equal(await status(await service.token(['app'])), 403);
  t.equal(await status(await service.token(['operator'], ['other'])), 403);
  t.match(await service.call({ url: '/v1/keyrings/none/instances' }), { status: 404, body: { code: 'keyring_not_found' } });
});

t.test('a named instance that sends its tag back hears 304 and keeps it; callers without a name share one tag', async (t) => {
  const service = await startTestService(t);
  await createWeb(service);
  const keys = async (headers: Record<string, string>) => service.call({ url: '/v1/keyrings/web/keys', headers });
  const first = await keys({ 'keyturn-instance': 'web-1' });
  const other = await keys({ 'keyturn-instance': 'web-1' });
  t.not(first.headers.etag, other.headers.etag, 'another process');
  const again = await keys({ 'keyturn-instance': 'web-1', 'if-none-match': first.headers.etag ?? '' });
  t.same([again.status, again.headers.etag], [304, first.headers.etag]);
  const [anonymous, same] = [await keys({}), await keys({})];
  t.equal(anonymous.headers.etag, same.headers.etag);
  for (const tag of [first.headers.etag ?? '', anonymous.headers.etag ?? '']) {
    for (const name of [{}, { 'keyturn-instance': 'web-2' }]) {
      const { status, headers } = await keys({ ...name, 'if-none-match': tag });
      t.same([status, headers.etag], [304, tag], 'a 304 says the tag that it was shown');
    }
  }
});
