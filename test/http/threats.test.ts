import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startTestService } from '../support/service.ts';
import { temporaryFolder } from '../support/sqlite.ts';

interface Operations {
  readonly [path: string]: Readonly<Record<string, unknown>>;
}

t.test('operator, auditor and admin are shown no key by any call of theirs', async (t) => {
  const service = await startTestService(t);
  await service.call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });
  const kind = { kind: 'immediate', reason: 'month' } as const;
  const token = await service.token(['operator', 'auditor', 'admin']);
  const seen: string[] = [];
  const call = async (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, payload?: object) => {
    const answer = await service.call({ method, url, token, ...(payload && { payload }) });
    seen.push(answer.text);
    return answer.status;
  };
  const before = (await service.call({ url: '/v1/keyrings/web/keys' })).body;
  t.equal(await call('POST', '/v1/keyrings/web/rotate', kind), 200);
  const after = (await service.call({ url: '/v1/keyrings/web/keys' })).body;
  const keys = [before.current.key, after.current.key];
  t.equal(await call('GET', '/v1/keyrings/web/keys'), 403);
  const paths: Operations = (await service.call({ url: '/openapi.json', token: null })).body.paths;
  const reads = Object.entries(paths).flatMap(([path, operations]) => ('get' in operations ? [path.replace('{name}', 'web')] : []));
  t.ok(reads.length > 8);
  for (const path of reads) await call('GET', path);
  for (const path of ['/v1/audit/verify', '/v1/backup']) await call('POST', path, {});
  t.equal(await call('POST', '/v1/keyrings/web/versions/1/revoke', { reason: 'gone' }), 200);
  t.equal(await call('DELETE', '/v1/keyrings/web'), 200);
  t.equal(await call('POST', '/v1/keyrings/web/restore', { reason: 'back' }), 200);
  for (const key of keys) t.notOk(seen.some((text) => text.includes(key)));
});

t.test('no call of the API takes a record out of the log but a drop, which needs an admin of every keyring', async (t) => {
  const service = await startTestService(t);
  const paths: Operations = (await service.call({ url: '/openapi.json', token: null })).body.paths;
  const calls = Object.entries(paths).flatMap(([path, operations]) =>
    path.startsWith('/v1/audit') ? Object.keys(operations).map((method) => `${method} ${path}`) : [],
  );
  const drop = 'post /v1/audit/drop';
  t.same(calls.sort(), ['get /v1/audit', 'get /v1/audit/checkpoint', drop, 'post /v1/audit/export', 'post /v1/audit/verify']);
  const { publicKey: _, ...checkpoint } = (await service.call({ url: '/v1/audit/checkpoint' })).body;
  for (const token of [await service.token(['operator']), await service.token(['auditor']), await service.token(['admin'], ['web'])]) {
    t.match(await service.call({ method: 'POST', url: '/v1/audit/drop', token, payload: { from: 1, checkpoint } }), { status: 403 });
  }
});

t.test('a data folder without its master key shows names and dates, and no key and no token', async (t) => {
  const dataDir = temporaryFolder(t);
  const service = await startTestService(t, { dataDir });
  await service.call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });
  const { key } = (await service.call({ url: '/v1/keyrings/web/keys' })).body.current;
  const token = await service.token(['app']);
  await service.service.stop();
  const files = readdirSync(dataDir).filter((name) => name !== 'master.key' && name !== 'admin.token');
  const bytes = Buffer.concat(files.map((name) => readFileSync(join(dataDir, name))));
  t.ok(bytes.includes('web'));
  for (const secret of [key, token, service.admin]) {
    t.notOk(bytes.includes(secret));
    t.notOk(bytes.includes(Buffer.from(secret, 'hex').length > 16 ? Buffer.from(secret, 'hex') : secret), 'nor its raw bytes');
  }
});
