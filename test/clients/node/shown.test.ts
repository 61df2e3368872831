import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ManualClock } from '../../support/clock.ts';
import { KeysService, openTestKeyring } from './keys-service.ts';
import { events, folder } from './observed.ts';

/** What is shown to the service (If-None-Match) is what it counts on: docs/fleet.md, "What instances have to do". */

const shownTo = (service: KeysService) => service.asked.map(({ headers }) => headers['if-none-match'] ?? null);

t.test('a process that starts with keys from a cache shows nothing before it was given keys itself', async (t) => {
  const service = await KeysService.start(t);
  const cacheFile = join(folder(t), 'web.cache');
  (await openTestKeyring(t, service, { cacheFile })).close();
  service.instead = (request) => void request.socket.destroy();
  const keys = await openTestKeyring(t, service, { cacheFile, startSeconds: 0 });
  t.equal(keys.status().source, 'cache');
  service.instead = null;
  await keys.refresh();
  await keys.refresh();
  t.same(shownTo(service), [null, null, null, service.etag]);
});

t.test('keys that the cache file could not take are not shown, unless no older ones are left in it', async (t) => {
  const service = await KeysService.start(t);
  const path = join(folder(t), 'place');
  mkdirSync(path);
  const cacheFile = join(path, 'web.cache');
  const keys = await openTestKeyring(t, service, { cacheFile });
  rmSync(cacheFile);
  mkdirSync(join(cacheFile, 'in the way'), { recursive: true });
  const before = service.etag;
  service.promote();
  await keys.refresh();
  t.equal(keys.snapshot().current.version, 2, 'they are used');
  await keys.refresh();
  t.equal(shownTo(service).at(-1), before);
  rmSync(path, { recursive: true });
  await keys.refresh();
  await keys.refresh();
  t.equal(shownTo(service).at(-1), service.etag, 'no file, no older keys');
});

t.test('new keys are shown soon, but never twice in a row', async (t) => {
  const service = await KeysService.start(t);
  const clock = new ManualClock();
  const { onEvent, until } = events();
  await openTestKeyring(t, service, { clock, timers: clock, onEvent });
  service.promote();
  const second = service.etag;
  await clock.advance(72_000);
  await until(2);
  service.promote();
  await clock.advance(6_000);
  await until(3);
  t.same(shownTo(service).at(-1), second, 'within a tenth of a refresh');
  await clock.advance(40_000);
  t.equal(service.asked.length, 3, 'the answer to that is shown a refresh later');
  await clock.advance(32_000);
  await until(4);
  t.equal(shownTo(service).at(-1), service.etag);
});
