import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { askSocket } from '../agent/ask-socket.ts';
import { until } from '../agent/until.ts';
import { temporaryFolder } from '../support/sqlite.ts';
import { start } from './keyturn.ts';
import { servedProcess } from './machine.ts';

await t.test('an agent beside a real service keeps a file and a socket true until it is told to stop', async (t) => {
  const folder = temporaryFolder(t);
  const service = await servedProcess(t, { KEYTURN_DATA_DIR: join(folder, 'data') });
  const policy = { schedule: null, leaseSeconds: 60, refreshSeconds: 1, skewSeconds: 0, tokenLifetimeSeconds: 60 };
  await service.call('/v1/keyrings', { name: 'web', policy });
  const env = { KEYTURN_URL: service.url, KEYTURN_TOKEN_FILE: join(folder, 'data', 'admin.token') };
  const path = (name: string) => join(folder, name);
  const args = ['agent', 'web', '--json-file', 'keys.json', '--socket', 'keys.sock', '--cache-dir', '.', '--settle', '1s'];
  const agent = start(t, { cwd: folder, env, args });
  await agent.printed('Keys delivered');
  const current = (): number => JSON.parse(readFileSync(path('keys.json'), 'utf8')).current.version;
  t.equal(current(), 1);
  for (const name of ['keys.json', 'keys.sock', 'web.cache']) t.equal(statSync(path(name)).mode & 0o777, 0o600, name);
  t.match(JSON.parse((await askSocket(path('keys.sock'), '/v1/keyrings/web/keys')).body), { name: 'web', current: { version: 1 } });
  await service.call('/v1/keyrings/web/rotate', { kind: 'emergency', reason: 'a leak' });
  await until(() => current() === 2);
  const { key } = JSON.parse((await askSocket(path('keys.sock'), '/v1/keyrings/web/keys')).body).current;
  t.equal(key, (await service.call('/v1/keyrings/web/keys')).current.key);

  const second = start(t, { cwd: folder, env, args });
  t.match(await second.ended, { code: 2, stderr: /Another process listens/ });
  t.equal(current(), 2, 'the second has taken nothing away');
  agent.kill('SIGTERM');
  const { code, stdout, stderr } = await agent.ended;
  t.equal(code, 0);
  t.notMatch(stdout + stderr, key);
  t.notOk(existsSync(path('keys.json')) || existsSync(path('keys.sock')));
  t.same(
    readdirSync(folder).filter((name) => name.endsWith('.new')),
    [],
  );
});
