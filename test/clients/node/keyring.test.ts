import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import t from 'tap';
import type { Snapshot } from '../../../clients/node/src/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { KeysService, keyOf, openTestKeyring, TOKEN } from './keys-service.ts';
import { events, failure, lines } from './observed.ts';

t.test('it asks with token, instance and ETag, and takes a 304', async (t) => {
  const service = await KeysService.start(t);
  const keys = await openTestKeyring(t, service, { instance: 'web-1' });
  const first = keys.snapshot();
  t.equal(await keys.refresh(), first, 'the same snapshot');
  t.equal(keys.snapshot().current.key, keyOf(1));
  const [before, after] = service.asked;
  t.match(before, { path: '/v1/keyrings/web/keys', headers: { authorization: `Bearer ${TOKEN}`, 'keyturn-instance': 'web-1' } });
  t.notOk(before?.headers['if-none-match']);
  t.equal(after?.headers['if-none-match'], service.etag);
});

t.test('keys show neither in JSON nor in a log', async (t) => {
  const service = await KeysService.start(t);
  service.promote();
  service.publish();
  const keys = await openTestKeyring(t, service);
  const shown = JSON.stringify(keys.snapshot()) + inspect(keys.snapshot(), { depth: 9, showHidden: true }) + inspect(keys, { depth: 9 });
  for (const version of [1, 2, 3]) t.notMatch(shown, keyOf(version));
  t.notMatch(shown, TOKEN);
  t.throws(() => Object.assign(keys.snapshot(), { current: null }), 'a snapshot does not change');
});

t.test('it refreshes by itself, tells who listens, and one listener cannot hurt the others', async (t) => {
  const service = await KeysService.start(t);
  const clock = new ManualClock();
  const { onEvent, until, seen } = events();
  const { log, all } = lines();
  const keys = await openTestKeyring(t, service, { clock, timers: clock, onEvent, log });
  const told: (Snapshot | null)[] = [];
  keys.onChange(() => {
    throw new Error('a fault of the application');
  });
  const stop = keys.onChange((snapshot) => told.push(snapshot));
  service.promote();
  await clock.advance(72_000);
  await until(2);
  t.equal(keys.snapshot().current.version, 2);
  t.same(
    told.map((snapshot) => snapshot?.current.version),
    [2],
  );
  t.match(seen, [
    { type: 'refreshed', changed: true, version: 1, leaseSeconds: 3_600 },
    { type: 'refreshed', changed: true, version: 2 },
  ]);
  stop();
  service.promote();
  await keys.refresh();
  t.equal(told.length, 1, 'who stopped listening hears nothing');
  t.same(
    all.map(({ message }) => message),
    ['A listener of key changes threw'],
    'said once',
  );
});

t.test('callers at the same time share one request', async (t) => {
  const service = await KeysService.start(t);
  const keys = await openTestKeyring(t, service);
  await Promise.all([keys.refresh(), keys.refresh(), keys.refresh()]);
  t.equal(service.asked.length, 2);
});

t.test('the lease ends on either clock: then no key is given, and it recovers by itself', async (t) => {
  const service = await KeysService.start(t);
  service.leaseSeconds = 100;
  service.refreshSeconds = 50;
  const clock = new ManualClock();
  const { onEvent, seen } = events();
  const { log, all } = lines();
  const keys = await openTestKeyring(t, service, { clock, timers: clock, onEvent, log });
  const told: (Snapshot | null)[] = [];
  keys.onChange((snapshot) => told.push(snapshot));
  service.instead = (request) => void request.socket.destroy();
  for (let failures = 0; clock.uptime() < 99_000; ) {
    await clock.advance(1_000);
    const failed = seen.filter(({ type }) => type === 'refresh_failed').length;
    if (failed > failures) failures = failed;
    await sleep(1);
  }
  t.equal(keys.snapshot().current.version, 1, 'the last second');
  await clock.advance(1_000);
  t.throws(() => keys.snapshot(), { code: 'lease_ended', statusCode: 503 });
  t.same(told, [null]);
  t.match(keys.status(), { usable: false, leaseSecondsLeft: 0, version: 1 });
  t.same(
    all.map(({ level, message }) => [level, message.slice(0, 20)]),
    [
      ['warn', 'No fresh keys. The s'],
      ['error', 'The lease has ended:'],
    ],
    'one line for each condition',
  );
  service.instead = null;
  // the attempt that the call above began may fail only now
  for (let tries = 0; tries < 200 && !keys.status().usable; tries++) {
    await clock.advance(1_000);
    await sleep(5);
  }
  t.equal(keys.snapshot().current.version, 1);
  t.equal(told.at(-1)?.current.version, 1);
  t.same(
    all.slice(2).map(({ message }) => message),
    ['Keys may be used again', 'The service answers again'],
  );
});

t.test('a wall clock that jumps ahead ends the lease at once, and keys are asked for', async (t) => {
  const service = await KeysService.start(t);
  const clock = new ManualClock();
  const { onEvent, until } = events();
  const keys = await openTestKeyring(t, service, { clock, timers: clock, onEvent });
  await clock.advance(2_000);
  clock.setBack(-4_000_000);
  t.throws(() => keys.snapshot(), { code: 'lease_ended' });
  await until(2);
  t.equal(keys.snapshot().current.version, 1);
});

t.test('an older answer never replaces a newer one', async (t) => {
  const service = await KeysService.start(t);
  service.promote();
  service.promote();
  const keys = await openTestKeyring(t, service);
  service.current = 2;
  service.previous = [1];
  t.equal(await failure(keys.refresh()), 'stale_answer');
  t.equal(keys.snapshot().current.version, 3);
  t.equal(await failure(keys.refresh()), 'stale_answer');
  t.equal(await failure(keys.refresh()), null, 'the third in a row is believed: a backup was restored');
  t.equal(keys.snapshot().current.version, 2);
});

t.test('a held request hears of a change at once, and gives way to who must not wait', async (t) => {
  const service = await KeysService.start(t);
  const { onEvent, until } = events();
  const keys = await openTestKeyring(t, service, { waitSeconds: 60, onEvent, random: () => 0 });
  const held: (() => void)[] = [];
  const arrived = new Promise<void>((resolve) => {
    service.instead = (request, response) => {
      if (!request.url?.endsWith('?wait=60')) return void response.writeHead(304, { etag: service.etag, 'keyturn-lease': 3_600 }).end();
      held.push(() => {
        service.promote();
        response.writeHead(200, { 'content-type': 'application/json', etag: service.etag }).end(JSON.stringify(service.body()));
      });
      resolve();
    };
  });
  await arrived;
  await keys.refresh();
  t.equal(keys.snapshot().current.version, 1, 'asked beside the held one');
  while (held.length < 2) await sleep(5);
  held[1]?.();
  await until(3);
  t.equal(keys.snapshot().current.version, 2);
});

t.test('what was asked earlier and is answered later is not taken', async (t) => {
  const service = await KeysService.start(t);
  const { onEvent, seen } = events();
  const keys = await openTestKeyring(t, service, { waitSeconds: 60, onEvent, random: () => 0 });
  const early = { etag: service.etag, text: JSON.stringify(service.body()) };
  const closed = new Promise<void>((done) => {
    service.instead = (_request, response) => {
      response.on('close', done);
      service.instead = null;
      service.promote();
      void keys.refresh().then(() => {
        response.writeHead(200, { 'content-type': 'application/json', etag: early.etag });
        response.end(early.text);
      });
    };
  });
  await closed;
  await keys.refresh();
  t.equal(keys.snapshot().current.version, 2);
  t.equal(seen.filter(({ type }) => type === 'refresh_failed').length, 0, 'it was given up, and not refused as stale');
  t.ok(service.asked.length <= 5, 'no request was repeated in haste');
});

t.test('a weak key of old verifies, and is mentioned once', async (t) => {
  const service = await KeysService.start(t);
  service.promote();
  service.keys.set(1, 'changeme');
  const { log, all } = lines();
  const keys = await openTestKeyring(t, service, { log });
  await keys.refresh();
  t.match(keys.snapshot().previous, [{ version: 1, weak: true }]);
  t.match(all, [{ level: 'warn', message: 'Weak keys still verify', fields: { keyring: 'web', versions: '1' } }]);
  t.equal(all.length, 1);
});

t.test('a closed keyring gives nothing and asks nothing', async (t) => {
  const service = await KeysService.start(t);
  const clock = new ManualClock();
  const keys = await openTestKeyring(t, service, { clock, timers: clock });
  keys.close();
  t.throws(() => keys.snapshot(), { code: 'closed' });
  t.equal(await failure(keys.refresh()), 'closed');
  await clock.advance(1_000_000);
  t.equal(service.asked.length, 1);
  t.equal(clock.pending, 0, 'no timer is left');
});
