import t from 'tap';
import type { ChangeId } from '../../../src/core/keyring.ts';
import type { KeyringName } from '../../../src/core/name.ts';
import { MINUTE } from '../../../src/core/time.ts';
import { startTestService, type TestService } from '../../support/service.ts';

const create = { method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } } as const;
const rotate = { method: 'POST', url: '/v1/keyrings/web/rotate', payload: { reason: 'test' } } as const;
const keys = { url: '/v1/keyrings/web/keys', headers: { 'keyturn-instance': 'web-1' } } as const;

async function newest(service: TestService, count = 1) {
  return (await service.call({ url: `/v1/audit?limit=${count}` })).body.items;
}

t.test('every call of the API is recorded before its answer: who, what, which versions, from where, why', async (t) => {
  const service = await startTestService(t);
  await service.call(create);
  t.match(await newest(service), [
    {
      action: 'keyring.create',
      outcome: 'done',
      code: null,
      principal: { name: 'bootstrap' },
      keyring: 'web',
      versions: [1],
      reason: 'created',
    },
  ]);
  await service.call(rotate);
  t.match(await newest(service), [{ action: 'keyring.rotate', keyring: 'web', versions: [2], reason: 'test', address: '127.0.0.1' }]);
  const { headers } = await service.call(keys);
  t.match(await newest(service), [{ action: 'keys.read', outcome: 'done', versions: [2, 1], instance: 'web-1' }]);
  await service.call({ ...keys, headers: { ...keys.headers, 'if-none-match': String(headers.etag) } });
  t.match(await newest(service), [{ action: 'keys.read', outcome: 'unchanged' }]);
  const { body } = await service.call({ method: 'POST', url: '/v1/strength', payload: { key: 'short' } });
  t.equal(body.acceptable, false);
  t.match(await newest(service), [{ action: 'key.judge', outcome: 'done' }]);
  t.notMatch(JSON.stringify(await newest(service, 50)), /"short"/, 'never the body');
});

t.test('refusals are recorded with their code, and a token that has ended with its id', async (t) => {
  const service = await startTestService(t);
  const ended = await service.token(['app']);
  const id = ended.split('_')[1];
  await service.call({ method: 'DELETE', url: `/v1/tokens/${id}` });
  t.match(await newest(service), [{ action: 'token.revoke', outcome: 'done', reason: `token ${id}: revoked` }]);
  t.equal((await service.call({ ...keys, token: ended })).status, 401);
  t.match(await newest(service), [
    {
      action: 'keys.read',
      outcome: 'refused',
      code: 'unauthenticated',
      principal: null,
      keyring: 'web',
      reason: `token ${id} was revoked`,
    },
  ]);
  t.equal((await service.call(keys)).status, 404);
  t.match(await newest(service), [{ outcome: 'refused', code: 'keyring_not_found', principal: { name: 'bootstrap' } }]);
  t.equal((await service.call({ url: '/v1/nothing' })).status, 404);
  t.match(await newest(service), [{ action: 'request.refuse', code: 'route_not_found' }]);
  const app = await service.token(['app'], ['web']);
  t.equal((await service.call({ ...create, token: app })).status, 403);
  t.match(await newest(service), [{ action: 'keyring.create', outcome: 'refused', code: 'forbidden' }]);
  t.notMatch(JSON.stringify(await newest(service, 100)), ended, 'never the text of a token');
});

t.test('what the rate limit refuses is counted and told once a minute', async (t) => {
  const service = await startTestService(t, {
    settings: {
      limits: {
        bodyBytes: 65_536,
        failedAuthPerMinute: 3,
        notFoundPerMinute: 3,
        maxWaitSeconds: 300,
        unknownNamesPerMinute: 1_000,
        heldRequests: 1_000,
        connections: 1_000,
      },
    },
  });
  await service.service.start();
  for (let count = 0; count < 10; count++) await service.call({ ...keys, token: null });
  const before = await newest(service, 100);
  t.equal(before.filter(({ action }: { action: string }) => action === 'keys.read').length, 3);
  await service.clock.advance(MINUTE + 1);
  const told = (await newest(service, 100)).filter(({ code }: { code: string }) => code === 'rate_limited');
  t.match(told, [{ address: '127.0.0.1', reason: /^7 refusals since 2026/ }]);
});

t.test('while the log cannot be written nothing is changed, and nothing is read', async (t) => {
  const service = await startTestService(t);
  await service.call(create);
  service.ledger.full = true;
  t.match(await service.call(keys), { status: 503, body: { code: 'audit_unavailable' }, headers: { 'retry-after': '1' } });
  t.match(await service.call(rotate), { status: 503, body: { code: 'audit_unavailable' } });
  t.match((await service.call({ url: '/readyz', token: null })).body, { status: 'not ready', checks: { audit: { status: 'failing' } } });
  const text = (await service.call({ url: '/metrics', token: null })).text;
  t.match(text, /^keyturn_audit_healthy 0$/m);
  service.ledger.full = false;
  t.match((await service.call({ url: '/v1/keyrings/web' })).body.versions, [{ version: 1 }], 'the rotation did not happen');
  t.match((await service.call({ url: '/readyz', token: null })).body.checks.audit, { status: 'ok' });
  t.equal((await service.call(rotate)).status, 200);
});

t.test('an answer that is taken back carries neither keys nor lease', async (t) => {
  const service = await startTestService(t);
  await service.call(create);
  service.ledger.full = true;
  const { text, headers } = await service.call(keys);
  t.notMatch(text, /[0-9a-f]{64}/);
  t.match(headers, { etag: undefined, 'keyturn-lease': undefined, 'content-type': /problem\+json/, 'cache-control': 'no-store' });
});

t.test('a change that was done before the log failed is reported as done, and recorded later', async (t) => {
  const service = await startTestService(t);
  await service.call(create);
  service.ledger.hold();
  const asked = service.call(rotate);
  await new Promise((resolve) => setTimeout(resolve, 20));
  service.ledger.full = true;
  service.ledger.release();
  t.match(await asked, { status: 503, body: { code: 'audit_unavailable', detail: /IS in force/ } });
  service.ledger.full = false;
  await service.clock.advance(1_000);
  t.match((await service.call({ url: '/v1/keyrings/web' })).body.versions, [{ version: 2 }, { version: 1 }]);
  t.match(await newest(service, 3), [{}, { action: 'keyring.rotate', outcome: 'done', versions: [2] }, {}]);
});

t.test('configured so, reads are served during an outage, and the gap is recorded afterwards', async (t) => {
  const service = await startTestService(t, { settings: { audit: { onOutage: 'serve-reads', spoolMegabytes: 1 } } });
  await service.call(create);
  service.ledger.full = true;
  t.match(await service.call(keys), { status: 200, body: { current: { version: 1 } } });
  t.match(await service.call(rotate), { status: 503 });
  t.match((await service.call({ url: '/readyz', token: null })).body, { status: 'degraded' });
  service.ledger.full = false;
  await service.clock.advance(1_000);
  t.match((await service.call({ url: '/v1/audit?order=oldest' })).body.items.at(-1), { reason: /answers left without a record/ });
});

t.test('nothing is rotated by schedule while the log cannot be written', async (t) => {
  const service = await startTestService(t);
  await service.call({
    ...create,
    payload: {
      name: 'web',
      policy: { schedule: { cron: '0 * * * *' }, leaseSeconds: 120, refreshSeconds: 30, tokenLifetimeSeconds: 3_600 },
    },
  });
  service.ledger.full = true;
  t.match(await service.call(keys), { status: 503 }, 'from here on the service knows');
  await service.pass(60 * MINUTE).catch(() => undefined);
  service.ledger.full = false;
  t.match((await service.call({ url: '/v1/keyrings/web' })).body.versions, [{ version: 1 }]);
  await service.pass(1_000);
  await new Promise(setImmediate);
  t.match((await service.call({ url: '/v1/audit?action=version.publish' })).body.items, [
    { action: 'version.publish', principal: { name: 'scheduler' }, keyring: 'web', versions: [2] },
  ]);
});

t.test('a change whose record a crash has swallowed is recorded at the next start, once', async (t) => {
  const first = await startTestService(t);
  await first.call(create);
  const stored = await first.store.load('web' as KeyringName);
  if (stored === undefined) throw new Error('It exists.');
  const { keyring, revision } = stored;
  // a swap behind the back of the log, as if the process had died right after it
  const changed = { ...keyring, changed: { ...keyring.changed, id: 'c'.repeat(24) as ChangeId, at: keyring.changed.at + 5 } };
  t.ok(await first.store.swap(changed, revision));
  const { dataDir } = first.settings;
  await first.service.stop();
  const second = await startTestService(t, { dataDir });
  const token = first.admin;
  const found = () => second.call({ url: '/v1/audit?limit=50', token });
  t.match((await found()).body.items[0], { action: 'keyring.change', keyring: 'web', reason: 'recovered' });
  await second.service.stop();
  const third = await startTestService(t, { dataDir });
  const items = (await third.call({ url: '/v1/audit?limit=50', token })).body.items;
  t.equal(items.filter(({ reason }: { reason: string }) => reason === 'recovered').length, 1);
});
