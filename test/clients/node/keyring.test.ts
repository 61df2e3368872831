import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import t from 'tap';
import {
  codeOf,
  type KeyringEvent,
  type KeyringOptions,
  type LogFields,
  type LogLevel,
  openKeyring,
  type Snapshot,
} from '../../../clients/node/src/index.ts';
import { ManualClock } from '../../support/clock.ts';
import { KeysService, keyOf, openTestKeyring, problem, type Teardown, TOKEN } from './keys-service.ts';

function folder(t: Teardown): string {
  const path = mkdtempSync(join(tmpdir(), 'keyturn-client-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** The next thing that the keyring reports, so that no test waits by guessing. */
function events() {
  const seen: KeyringEvent[] = [];
  const waiting = new Set<() => void>();
  return {
    seen,
    onEvent: (event: KeyringEvent) => {
      seen.push(event);
      for (const wake of waiting) wake();
    },
    async until(count: number): Promise<void> {
      while (seen.length < count) await new Promise<void>((resolve) => void waiting.add(resolve));
    },
  };
}

interface Line {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

function lines() {
  const all: Line[] = [];
  return { all, log: (level: LogLevel, message: string, fields: LogFields) => void all.push({ level, message, fields }) };
}

const failure = async (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => codeOf(error),
  );

const rejection = (options: KeyringOptions) => failure(openKeyring('web', { environment: {}, token: TOKEN, log: () => {}, ...options }));

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
  const { onEvent, until, seen } = events();
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
  const before = seen.length;
  await clock.advance(72_000);
  await until(before + 1);
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

t.test('without keys it does not open', async (t) => {
  const service = await KeysService.start(t);
  const { url } = service;
  service.instead = problem(401, 'unauthenticated');
  t.equal(await rejection({ url }), 'wrong_token');
  t.equal(service.asked.length, 1, 'a refusal is not asked again');
  service.instead = (_request, response) => {
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"code":"keyring_not_found"}');
  };
  t.equal(await rejection({ url, startSeconds: 0 }), 'not_keyturn', 'not the form in which the service refuses');
  service.instead = problem(503, 'store_unavailable');
  t.equal(await rejection({ url, startSeconds: 0 }), 'unavailable');
  service.instead = (_request, response) => void response.writeHead(302, { location: `${url}/elsewhere` }).end();
  t.equal(await rejection({ url, startSeconds: 0 }), 'redirected');
  t.notOk(
    service.asked.some(({ path }) => path === '/elsewhere'),
    'the token does not travel',
  );
  service.instead = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', etag: '"x"' });
    response.end('x'.repeat(300_000));
  };
  t.equal(await rejection({ url, startSeconds: 0 }), 'too_large');
  service.instead = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', etag: '"x"', 'content-length': 1_000 });
    response.write('{', () => response.destroy());
  };
  t.equal(await rejection({ url, startSeconds: 0 }), 'truncated');
  service.instead = () => {};
  t.equal(await rejection({ url, startSeconds: 0, timeoutSeconds: 0.1 }), 'unreachable', 'no answer in time');
  await service.stop();
  t.equal(await rejection({ url, startSeconds: 0 }), 'unreachable');
});

t.test('over TLS it trusts the authority that it was given, and no other', async (t) => {
  const tls = (name: string) => fileURLToPath(new URL(`../../cli/tls/${name}.pem`, import.meta.url));
  const service = await KeysService.start(t);
  const options = { cert: readFileSync(tls('cert')), key: readFileSync(tls('key')) };
  const server = createServer(options, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', etag: service.etag }).end(JSON.stringify(service.body()));
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const url = `https://localhost:${typeof address === 'object' ? address?.port : ''}`;
  t.equal(await rejection({ url, startSeconds: 0 }), 'tls_failure');
  const keys = await openTestKeyring(t, service, { url, environment: { KEYTURN_CA_FILE: tls('cert') } });
  t.equal(keys.snapshot().current.key, keyOf(1));
});

t.test('a start waits for a service that is still starting', async (t) => {
  const service = await KeysService.start(t);
  service.instead = problem(503, 'store_unavailable');
  const { onEvent, until } = events();
  const opening = openTestKeyring(t, service, { onEvent, random: () => 0 });
  await until(1);
  service.instead = null;
  t.equal((await opening).snapshot().current.version, 1);
});

t.test('options that do not do are named', async (t) => {
  const service = await KeysService.start(t);
  const { url } = service;
  const message = async (name: string, options: KeyringOptions) =>
    openKeyring(name, { environment: {}, url, token: TOKEN, ...options }).then(
      () => 'opened',
      (error: Error) => error.message,
    );
  t.match(await message('Web', {}), /keyring name/);
  for (const bad of ['ftp://x', 'x', 'http://user:pw@x', 'http://x/?a=b']) t.match(await message('web', { url: bad }), /url must/, bad);
  t.match(await message('web', { token: 'two words' }), /token must/);
  t.match(await message('web', { token: '' }), /token must/);
  t.match(
    await openKeyring('web', { environment: {}, tokenFile: '/nowhere/at/all' }).catch((error: Error) => error.message),
    /tokenFile cannot be read \(ENOENT\)/,
  );
  t.match(await message('web', { caFile: '/nowhere/at/all' }), /caFile/);
  t.match(await message('web', { instance: 'a b' }), /instance must/);
  t.match(await message('web', { waitSeconds: 301 }), /waitSeconds must/);
  t.match(await openKeyring('web', { environment: {} }).catch((error: Error) => error.message), /no token/);
  t.equal(service.asked.length, 0);
});

t.test('the environment says where and who; the token file is read again for each request', async (t) => {
  const service = await KeysService.start(t);
  const file = join(folder(t), 'token');
  writeFileSync(file, 'first\n');
  const environment = { KEYTURN_URL: `${service.url}/`, KEYTURN_TOKEN_FILE: file };
  const keys = await openKeyring('web', { environment, log: () => {} });
  t.teardown(() => keys.close());
  writeFileSync(file, 'second\n');
  await keys.refresh();
  t.same(
    service.asked.map(({ headers }) => headers.authorization),
    ['Bearer first', 'Bearer second'],
  );
});

t.test('a weak key of old verifies, and is mentioned once', async (t) => {
  const service = await KeysService.start(t);
  service.promote();
  service.keys.set(1, 'dev');
  const { log, all } = lines();
  const keys = await openTestKeyring(t, service, { log });
  await keys.refresh();
  t.match(keys.snapshot().previous, [{ version: 1, weak: true }]);
  t.match(all, [{ level: 'warn', message: 'Weak keys still verify', fields: { keyring: 'web', versions: '1' } }]);
  t.equal(all.length, 1);
});

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
