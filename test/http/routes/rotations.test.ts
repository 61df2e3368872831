import t from 'tap';
import { START, startTestService, type TestService } from '../../support/service.ts';

const DAY = 86_400_000;
const iso = (at: number) => new Date(at).toISOString();

async function withWeb(t: Parameters<typeof startTestService>[0]): Promise<TestService> {
  const service = await startTestService(t);
  await service.call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });
  return service;
}

const rotate = ({ call }: TestService, payload: object, idempotencyKey?: string, token?: string) =>
  call({
    method: 'POST',
    url: '/v1/keyrings/web/rotate',
    payload,
    ...(idempotencyKey !== undefined && { headers: { 'idempotency-key': idempotencyKey } }),
    ...(token !== undefined && { token }),
  });

const revoke = ({ call }: TestService, version: number | string, idempotencyKey?: string) =>
  call({
    method: 'POST',
    url: `/v1/keyrings/web/versions/${version}/revoke`,
    payload: { reason: 'leaked' },
    ...(idempotencyKey !== undefined && { headers: { 'idempotency-key': idempotencyKey } }),
  });

const served = async ({ call }: TestService) => {
  const { current, next, previous } = (await call({ url: '/v1/keyrings/web/keys' })).body;
  return [next?.version ?? null, current.version, ...previous.map(({ version }: { version: number }) => version)];
};

t.test('a scheduled rotation publishes now and signs after propagation; another is refused and told when', async (t) => {
  const service = await withWeb(t);
  const activatesAt = iso(START + DAY + 30_000);
  const { body, status } = await rotate(service, { reason: 'review' });
  t.equal(status, 200);
  t.match(body, { name: 'web', version: 2, kind: 'scheduled', activatesAt, replayed: false });
  t.same(await served(service), [2, 1]);
  const refused = await rotate(service, { reason: 'again', kind: 'scheduled' });
  t.match(refused, { status: 409, body: { code: 'rotation_under_way' } });
  t.ok(refused.body.detail.includes(activatesAt), 'when it activates');
});

t.test('an immediate rotation signs now, and brings a published version forward', async (t) => {
  const service = await withWeb(t);
  t.match((await rotate(service, { reason: 'r', kind: 'immediate' })).body, { version: 2, kind: 'immediate', activatesAt: iso(START) });
  t.same(await served(service), [null, 2, 1]);
  await rotate(service, { reason: 'r' });
  t.match((await rotate(service, { reason: 'r', kind: 'immediate' })).body, { version: 3, kind: 'scheduled', activatesAt: iso(START) });
  t.same(await served(service), [null, 3, 2, 1]);
});

t.test('an emergency rotation leaves nothing of the keys before it', async (t) => {
  const service = await withWeb(t);
  await rotate(service, { reason: 'r', kind: 'immediate' });
  await rotate(service, { reason: 'r' });
  t.match((await rotate(service, { reason: 'found in a log', kind: 'emergency' })).body, {
    version: 4,
    kind: 'emergency',
    activatesAt: iso(START),
  });
  t.same(await served(service), [null, 4]);
});

t.test('the same Idempotency-Key does it once, and only for the same request and caller', async (t) => {
  const service = await withWeb(t);
  const first = await rotate(service, { reason: 'deploy' }, 'deploy-4711');
  const again = await rotate(service, { reason: 'deploy' }, 'deploy-4711');
  t.same(again.body, { ...first.body, replayed: true });
  t.equal(again.status, 200, 'although a rotation is under way');
  for (const other of [{ reason: 'another' }, { reason: 'deploy', kind: 'immediate' }]) {
    t.match(await rotate(service, other, 'deploy-4711'), { status: 422, body: { code: 'idempotency_mismatch' } });
  }
  t.match(await revoke(service, 1, 'deploy-4711'), { status: 422 }, 'nor for another route');
  const colleague = await service.token(['operator']);
  t.match(
    await rotate(service, { reason: 'deploy' }, 'deploy-4711', colleague),
    { status: 409 },
    'the key of somebody else is another key',
  );
  for (const not of ['', 'a b', 'x'.repeat(129), 'ä']) t.match(await rotate(service, { reason: 'r' }, not), { status: 400 }, `"${not}"`);
});

t.test('a retry after an answer that was lost does nothing twice', async (t) => {
  const service = await withWeb(t);
  service.store.faults.loseNextAnswer('swap');
  t.match(await rotate(service, { reason: 'deploy' }, 'k'), { status: 200, body: { version: 2, replayed: false } }, 'the document tells');
  t.match(await rotate(service, { reason: 'deploy' }, 'k'), { status: 200, body: { version: 2, replayed: true } });
});

t.test('rotations need a reason, and one of three kinds', async (t) => {
  const service = await withWeb(t);
  for (const body of [
    {},
    { reason: '' },
    { reason: 'x'.repeat(201) },
    { reason: 'a\nb' },
    { reason: 'r', kind: 'now' },
    { reason: 'r', kind: null },
    { reason: 1 },
    { reason: 'r', force: true },
  ]) {
    t.match(await rotate(service, body), { status: 400, body: { code: 'invalid_request' } }, JSON.stringify(body));
  }
  t.match(
    await service.call({ method: 'POST', url: '/v1/keyrings/web/rotate?kind=emergency', payload: { reason: 'r' } }),
    { status: 400 },
    'a kind in the query is not ignored',
  );
  t.same(await served(service), [null, 1]);
  t.equal((await rotate(service, { reason: '🔑 ünïcode ✓' })).status, 200);
});

t.test('so many keys that verification would be slow are refused', async (t) => {
  const service = await withWeb(t);
  for (let i = 0; i < 63; i++) await rotate(service, { reason: 'r', kind: 'immediate' });
  t.match(await rotate(service, { reason: 'r', kind: 'immediate' }), {
    status: 409,
    body: { code: 'too_many_keys', detail: /the first retires at 2026-/ },
  });
  t.equal((await rotate(service, { reason: 'r', kind: 'emergency' })).status, 200, 'an emergency always has room');
});

t.test('revoking cuts a version of any role', async (t) => {
  const service = await withWeb(t);
  await rotate(service, { reason: 'r', kind: 'immediate' });
  await rotate(service, { reason: 'r' });
  t.same(await served(service), [3, 2, 1]);
  t.match(await revoke(service, 1), { status: 200, body: { name: 'web', revoked: 1, current: 2, next: 3 } });
  t.same(await served(service), [3, 2], 'a previous one');
  t.match((await revoke(service, 2)).body, { revoked: 2, current: 3, next: null });
  t.same(await served(service), [null, 3], 'the current one: the next takes its place');
  t.match((await revoke(service, 3)).body, { revoked: 3, current: 4, next: null });
  t.same(await served(service), [null, 4], 'the current one alone: a new one does');
  await rotate(service, { reason: 'r' });
  t.match((await revoke(service, 5)).body, { revoked: 5, current: 4, next: null });
  t.same(await served(service), [null, 4], 'the next one');
  const before = (await service.call({ url: '/v1/keyrings/web' })).body.revision;
  t.match(await revoke(service, 5), { status: 200, body: { revision: before } }, 'again: nothing changes');
});

t.test('versions that cannot be revoked say why, and only whole numbers are versions', async (t) => {
  const service = await withWeb(t);
  t.match(await revoke(service, 9), { status: 404, body: { code: 'version_not_found' } });
  for (const not of ['0', '-1', '1.5', '1.0', '01', 'true', '0x1', '1e0', '%31%2e5', 'x', '9'.repeat(20)]) {
    t.match(await revoke(service, not), { status: 400, body: { code: 'invalid_request' } }, not);
  }
  t.same(await served(service), [null, 1], 'nothing was cut');
  await rotate(service, { reason: 'r', kind: 'immediate' });
  await service.pass(33 * DAY);
  t.match(await revoke(service, 1), { status: 409, body: { code: 'version_ended' } });
});

t.test('a clock that is far behind changes nothing', async (t) => {
  const service = await withWeb(t);
  service.clock.setBack(60_000);
  t.match(await rotate(service, { reason: 'r' }), { status: 503, body: { code: 'clock_behind' } });
});

t.test('among rotations at the same time one publishes', async (t) => {
  const service = await withWeb(t);
  const all = await Promise.all(Array.from({ length: 10 }, () => rotate(service, { reason: 'r' })));
  t.same(all.map(({ status }) => status).sort(), [200, ...Array(9).fill(409)]);
  t.same(await served(service), [2, 1]);
});
