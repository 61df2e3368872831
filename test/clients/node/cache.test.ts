import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { ManualClock } from '../../support/clock.ts';
import { KeysService, keyOf, openTestKeyring, problem, TOKEN } from './keys-service.ts';
import { folder, lines, rejection } from './observed.ts';

t.test('the cache carries the keys over a restart while the service is down and the lease lasts', async (t) => {
  const service = await KeysService.start(t);
  const cacheFile = join(folder(t), 'web.cache');
  const clock = new ManualClock();
  const { log, all } = lines();
  const options = { cacheFile, clock, timers: clock, startSeconds: 0, log };
  (await openTestKeyring(t, service, options)).close();
  t.equal(statSync(cacheFile).mode & 0o777, 0o600);
  t.notMatch(readFileSync(cacheFile, 'latin1'), new RegExp(keyOf(1)), 'sealed');

  service.instead = (request) => void request.socket.destroy();
  await clock.advance(3_000_000);
  const keys = await openTestKeyring(t, service, options);
  t.match(keys.status(), { source: 'cache', usable: true, version: 1, leaseSecondsLeft: 600 });
  keys.close();
  t.equal(await rejection({ ...options, url: service.url, token: 'another' }), 'unreachable', 'another token opens nothing');
  t.ok(existsSync(cacheFile));
  await clock.advance(600_000);
  t.equal(await rejection({ ...options, url: service.url }), 'unreachable', 'its lease has ended');
  t.match(
    all.map(({ message, fields }) => `${message} ${fields.code}`),
    [/No fresh keys/, /not used bad_cache/, /No fresh keys/, /not used lease_ended/, /No fresh keys/],
  );
  service.instead = problem(403, 'forbidden');
  t.equal(await rejection({ ...options, url: service.url }), 'forbidden');
  t.notOk(existsSync(cacheFile), 'a refusal removes it');
});

t.test('a cache that others could write or read is not used; one that cannot be written hurts nobody', async (t) => {
  const service = await KeysService.start(t);
  const path = folder(t);
  const cacheFile = join(path, 'web.cache');
  (await openTestKeyring(t, service, { cacheFile })).close();
  service.instead = (request) => void request.socket.destroy();
  const options = { url: service.url, startSeconds: 0, log: () => {} };
  chmodSync(cacheFile, 0o640);
  t.equal(await rejection({ ...options, cacheFile }), 'unreachable', 'open to its group');
  chmodSync(cacheFile, 0o600);
  symlinkSync(cacheFile, join(path, 'link'));
  t.equal(await rejection({ ...options, cacheFile: join(path, 'link') }), 'unreachable', 'a link');
  mkdirSync(join(path, 'folder'));
  t.equal(await rejection({ ...options, cacheFile: join(path, 'folder') }), 'unreachable', 'a folder');
  t.equal(await rejection({ ...options, cacheFile }), null, 'as it was');
  service.instead = null;
  const keys = await openTestKeyring(t, service, { cacheFile: join(path, 'nowhere', 'web.cache') });
  t.equal(keys.snapshot().current.version, 1);
});

t.test(
  'simulator 8665: a cache is not read while its writer runs',
  { skip: process.platform !== 'linux' && 'by names that Linux has' },
  async (t) => {
    const service = await KeysService.start(t);
    const path = folder(t);
    const cacheFile = join(path, 'web.cache');
    const first = await openTestKeyring(t, service, { cacheFile });
    const second = await openTestKeyring(t, service, { cacheFile });
    await second.refresh();
    const { log, all } = lines();
    const options = { url: service.url, startSeconds: 0, log, cacheFile };
    service.instead = (request) => void request.socket.destroy();
    t.equal(await rejection(options), 'unreachable', 'both run');
    t.match(all[0], { message: /not used/, fields: { code: 'bad_cache' } });
    first.close();
    t.equal(await rejection(options), 'unreachable', 'the one that wrote it runs');
    second.close();
    t.equal(await rejection(options), null, 'nobody speaks for its lease any more');
  },
);

t.test(
  'a cache is read when its writer was killed, and not before',
  { skip: process.platform !== 'linux' && 'by names that Linux has' },
  async (t) => {
    const service = await KeysService.start(t);
    const cacheFile = join(folder(t), 'web.cache');
    const program = `import { openKeyring } from ${JSON.stringify(new URL('../../../clients/node/src/index.ts', import.meta.url).href)};
    await openKeyring('web', ${JSON.stringify({ url: service.url, cacheFile, startSeconds: 30 })}); console.log('open'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, KEYTURN_TOKEN: TOKEN },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    const options = { url: service.url, startSeconds: 0, log: () => {}, cacheFile };
    for (let tries = 0; tries < 100 && !existsSync(cacheFile); tries++) await setTimeout(50);
    service.instead = (request) => void request.socket.destroy();
    t.equal(await rejection(options), 'unreachable');
    child.kill('SIGKILL');
    await once(child, 'exit');
    t.equal(await rejection(options), null);
  },
);
