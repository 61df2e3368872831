import t from 'tap';
import { verifySegment } from '../../src/audit/verify-segment.ts';
import { problemFault } from '../support/problem.ts';
import { START, startTestService, type TestService } from '../support/service.ts';

const until = new Date(START + 60_000).toISOString();
const create = (name: string) => ({ method: 'POST', url: '/v1/keyrings', payload: { name } }) as const;
const exportTo = (at = until) => ({ method: 'POST', url: '/v1/audit/export', payload: { until: at } }) as const;
const drop = (payload: object) => ({ method: 'POST', url: '/v1/audit/drop', payload }) as const;

/** A service whose first minute has some records, and is over. */
async function service(t: Parameters<typeof startTestService>[0]): Promise<TestService> {
  const started = await startTestService(t);
  for (const name of ['a', 'b', 'c']) await started.call(create(name));
  await started.pass(120_000);
  await started.call(create('d'));
  return started;
}

const lineOf = (text: string, at: number) => JSON.parse(text.trimEnd().split('\n').at(at) ?? '');

async function claimOf({ call }: TestService, at = until) {
  const { text } = await call(exportTo(at));
  return { from: lineOf(text, 0).begin.sequence + 1, checkpoint: lineOf(text, -1).checkpoint };
}

t.test('the service exports what verifies by itself, goes on, drops it, and the log is intact all the time', async (t) => {
  const running = await service(t);
  const { call, app } = running;
  const intact = async () => (await call({ method: 'POST', url: '/v1/audit/verify', payload: {} })).body;
  const { publicKey } = (await call({ url: '/v1/audit/checkpoint' })).body;
  const answer = await call(exportTo());
  t.match(answer, { status: 200, headers: { 'content-type': /x-ndjson/, 'cache-control': 'no-store' } });
  const { verdict } = await verifySegment(answer.text.trimEnd().split('\n'), { mac: null, publicKey, known: null });
  t.match(verdict, { intact: true, from: 1 });
  t.match(await intact(), { intact: true, from: 1 });
  await call(create('e'));
  const claim = { from: 1, checkpoint: lineOf(answer.text, -1).checkpoint };
  const dropped = await call(drop(claim));
  t.same(dropped.body, { from: 1, to: verdict.to });
  t.match(await intact(), { intact: true, from: verdict.to + 1 });
  const items = (await call({ url: '/v1/audit?order=oldest&action=audit.drop' })).body.items;
  const range = `records 1 to ${verdict.to}`;
  t.match(items, [
    { outcome: 'done', reason: `begun: ${range}`, principal: { name: 'bootstrap' }, address: '127.0.0.1' },
    { outcome: 'done', reason: range, principal: { name: 'bootstrap' } },
  ]);
  t.match((await call({ url: '/v1/audit?action=audit.export' })).body.items, [{ reason: range, principal: { name: 'bootstrap' } }]);
  t.match((await call({ url: '/v1/audit?order=oldest&limit=1' })).body.items, [{ sequence: verdict.to + 1 }]);
  t.match(await call(drop(claim)), { status: 409, body: { code: 'export_mismatch' } }, 'once');
  t.ok(app);
});

t.test('only an admin of every keyring may, and what is refused is recorded', async (t) => {
  const running = await service(t);
  const { call, token } = running;
  const claim = await claimOf(running);
  for (const caller of [await token(['auditor', 'operator', 'app']), await token(['admin'], ['web-*'])]) {
    for (const wanted of [exportTo(), drop(claim)]) {
      const refused = await call({ ...wanted, token: caller });
      t.equal(refused.status, 403);
      t.equal(problemFault(refused), null);
    }
  }
  t.equal((await call({ url: '/v1/audit?action=audit.drop&outcome=refused' })).body.items.length, 2);
  t.match((await call({ method: 'POST', url: '/v1/audit/verify', payload: {} })).body, { from: 1, intact: true });
});

t.test('where there is nothing, or the instant is none, no export is made', async (t) => {
  const { call } = await service(t);
  const nothing = await call(exportTo('2020-01-01T00:00:00Z'));
  t.match(nothing, { status: 409, body: { code: 'nothing_to_export' } });
  t.equal(problemFault(nothing), null);
  t.equal((await call(exportTo('soon'))).status, 400);
  t.equal((await call({ method: 'POST', url: '/v1/audit/export', payload: {} })).status, 400);
});

t.test('a checkpoint that is no export drops nothing', async (t) => {
  const { call } = await service(t);
  const { publicKey: _, ...checkpoint } = (await call({ url: '/v1/audit/checkpoint' })).body;
  t.match(await call(drop({ from: 1, checkpoint })), { status: 409, body: { code: 'export_mismatch' } });
  t.match((await call({ method: 'POST', url: '/v1/audit/verify', payload: {} })).body, { from: 1, intact: true });
});

t.test('while the log cannot be written nothing is dropped', async (t) => {
  const running = await service(t);
  const { call, ledger } = running;
  const claim = await claimOf(running);
  ledger.full = true;
  t.equal((await call(drop(claim))).status, 503);
  ledger.full = false;
  t.match((await call({ method: 'POST', url: '/v1/audit/verify', payload: {} })).body, { from: 1, intact: true });
  t.equal((await call(drop(claim))).status, 200);
});
