import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ManualClock } from '../../support/clock.ts';
import { KeysService, keyOf, openTestKeyring, problem } from './keys-service.ts';
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
