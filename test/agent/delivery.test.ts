import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openKeyring } from '../../clients/node/src/index.ts';
import { runAgent } from '../../src/agent/agent.ts';
import { agentSettings } from '../../src/config/agent.ts';
import { KeysService, keyOf, problem, type Teardown, TOKEN } from '../clients/node/keys-service.ts';
import { failure, lines } from '../clients/node/observed.ts';
import { ManualClock } from '../support/clock.ts';
import { temporaryFolder } from '../support/sqlite.ts';
import { askSocket } from './ask-socket.ts';
import { until } from './until.ts';

/** An agent of the keyring `web` on a clock that the test moves. */
async function startAgent(t: Teardown, service: KeysService, keyring: object, more: object = {}) {
  const folder = temporaryFolder(t);
  const clock = new ManualClock();
  const { log, all } = lines();
  let stop: () => void = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const open: Parameters<typeof runAgent>[1]['open'] = (name, options) =>
    openKeyring(name, {
      url: service.url,
      token: TOKEN,
      environment: {},
      clock,
      timers: clock,
      random: () => 0.5,
      log,
      startSeconds: 0,
      ...options,
    });
  const settings = agentSettings({ ...more, keyrings: [{ name: 'web', ...keyring }] }, folder);
  const environment = { PATH: process.env.PATH, KEYTURN_TOKEN: TOKEN };
  const ended = runAgent(settings, { clock, timers: clock, random: () => 0.5, log, environment, open, stopped });
  ended.catch(() => {});
  t.teardown(async () => {
    stop();
    await ended.catch(() => {});
  });
  const file = (name: string) => join(folder, name);
  const said = (message: RegExp) => all.filter((line) => message.test(line.message)).length;
  return { clock, file, stop, ended, said };
}

const shown = (service: KeysService) => service.asked.at(-1)?.headers['if-none-match'];
const LIST = { path: 'keys', template: 'raw', mode: '0640' };
const listIn = (path: string): unknown => existsSync(path) && JSON.parse(readFileSync(path, 'utf8'));

t.test('files follow the keys, and the service hears of it when they have settled', async (t) => {
  const service = await KeysService.start(t);
  const { clock, file, stop, ended } = await startAgent(t, service, { files: [LIST, { path: 'env', template: 'env' }], settle: '90s' });
  await until(() => existsSync(file('env')));
  t.same(listIn(file('keys')), [keyOf(1)]);
  t.same([statSync(file('keys')).mode & 0o777, statSync(file('env')).mode & 0o777], [0o640, 0o600]);
  const before = service.etag;
  service.publish();
  await until(async () => {
    await clock.advance(10_000);
    return JSON.stringify(listIn(file('keys'))) === JSON.stringify([keyOf(2), keyOf(1)]);
  });
  t.match(readFileSync(file('env'), 'utf8'), `FLASK_SECRET_KEY='${keyOf(1)}'\n`, 'the next one does not sign');
  const count = service.asked.length;
  await until(async () => {
    await clock.advance(5_000);
    return service.asked.length > count;
  });
  t.equal(shown(service), before, 'a program may still hold the old file');
  await until(async () => {
    await clock.advance(5_000);
    return shown(service) === service.etag;
  });
  stop();
  await ended;
  t.notOk(existsSync(file('keys')) || existsSync(file('env')), 'without the agent nobody would watch the lease');
});

t.test('when the lease ends the files are removed, which is said once, and they come back with the service', async (t) => {
  const service = await KeysService.start(t);
  service.leaseSeconds = 300;
  const log = join(temporaryFolder(t), 'log');
  const onChange = ['/bin/sh', '-c', `echo "$KEYTURN_EVENT $KEYTURN_KEYRING$KEYTURN_TOKEN" >> '${log}'`];
  const { clock, file, said } = await startAgent(t, service, { files: [LIST], onChange });
  const events = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []);
  await until(() => events().length === 1);
  service.instead = problem(503, 'store_unavailable');
  await clock.advance(290_000);
  t.ok(existsSync(file('keys')), 'an outage shorter than the lease is nothing');
  await clock.advance(20_000);
  await until(() => events().length === 2);
  t.notOk(existsSync(file('keys')));
  await clock.advance(600_000);
  t.equal(said(/files are removed/), 1);
  service.instead = null;
  await until(async () => {
    await clock.advance(20_000);
    return events().length === 3;
  });
  t.same(listIn(file('keys')), [keyOf(1)]);
  t.same(events(), ['changed web', 'withdrawn web', 'changed web'], 'and the command is not given the token');
});

t.test('a command that fails is run again, and the service is not told before it has done its work', async (t) => {
  const service = await KeysService.start(t);
  const flag = join(temporaryFolder(t), 'flag');
  const onChange = ['/bin/sh', '-c', `test "$KEYTURN_EVENT" = withdrawn || test -e '${flag}' || { touch '${flag}'; exit 3; }`];
  const { clock, said } = await startAgent(t, service, { files: [LIST], onChange, settle: 0 });
  await until(() => said(/command .* failed/) === 1);
  t.equal(said(/Keys delivered/), 0);
  await until(async () => {
    await clock.advance(1_000);
    return said(/Keys delivered/) === 1;
  });
  t.equal(said(/command .* failed/), 1);
});

t.test('the socket gives what is left of the lease, and holds the acknowledgement back while others may hold older keys', async (t) => {
  const service = await KeysService.start(t);
  service.leaseSeconds = 300;
  const { clock, file } = await startAgent(t, service, {}, { socket: { path: 'keys.sock', mode: '0660' } });
  const ask = (path = '/v1/keyrings/web/keys', headers: Record<string, string> = {}) => askSocket(file('keys.sock'), path, headers);
  await until(async () => existsSync(file('keys.sock')) && (await ask()).status === 200);
  t.equal(statSync(file('keys.sock')).mode & 0o777, 0o660);
  service.instead = problem(503, 'store_unavailable');
  await clock.advance(100_000);
  const { headers, body } = await ask();
  t.match(JSON.parse(body), { name: 'web', current: { version: 1, key: keyOf(1) }, next: null, previous: [] });
  const left = JSON.parse(body).leaseSeconds;
  t.ok(left <= 200 && left >= 100, `${left} s are left, never a new lease`);
  t.match(headers, { 'keyturn-lease': String(left), 'cache-control': 'no-store' });
  const same = await ask(undefined, { 'if-none-match': String(headers.etag) });
  t.match(same, { status: 304, headers: { 'keyturn-lease': String(left) } });
  t.match(await ask('/v1/keyrings/other/keys'), { status: 404, body: /keyring_not_found/ });
  t.match(await ask('/v1/tokens'), { status: 404, body: /route_not_found/ });

  const before = service.etag;
  service.instead = null;
  service.publish();
  await until(async () => {
    await clock.advance(5_000);
    return JSON.parse((await ask()).body).next !== null;
  });
  await clock.advance(70_000);
  t.equal(shown(service), before, 'who asked before may hold the old keys');
  await until(async () => {
    await clock.advance(10_000);
    return shown(service) === service.etag;
  });
  service.instead = problem(503, 'store_unavailable');
  await clock.advance(400_000);
  t.match(await ask(), { status: 503, body: /lease_exhausted/ });
});

t.test('a keyring that the service refuses ends the start; an outage at the start does not', async (t) => {
  const refusing = await KeysService.start(t);
  refusing.instead = problem(403, 'forbidden');
  const refused = await startAgent(t, refusing, { files: [LIST] });
  t.equal(await failure(refused.ended), 'forbidden');
  const silent = await KeysService.start(t);
  silent.instead = problem(503, 'store_unavailable');
  const { clock, file } = await startAgent(t, silent, { files: [LIST] });
  await until(() => silent.asked.length > 0);
  silent.instead = null;
  await until(async () => {
    await clock.advance(1_000);
    return existsSync(file('keys'));
  });
});
