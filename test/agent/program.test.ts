import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type KeyringOptions, openKeyring } from '../../clients/node/src/index.ts';
import { InUse } from '../../src/agent/in-use.ts';
import { Program } from '../../src/agent/program.ts';
import { parseKeyringName } from '../../src/core/name.ts';
import { type ExecRequest, FLASK_VARIABLES } from '../../src/ports/sidecar.ts';
import { KeysService, keyOf, problem, type Teardown, TOKEN } from '../clients/node/keys-service.ts';
import { ManualClock } from '../support/clock.ts';
import { temporaryFolder } from '../support/sqlite.ts';
import { until } from './until.ts';

/** A shell script that runs on the keys of `web`, on a clock that the test moves; it writes to `$LOG`. */
async function runScript(t: Teardown, service: KeysService, script: string, more: Partial<ExecRequest> = {}) {
  const folder = temporaryFolder(t);
  const log = join(folder, 'log');
  writeFileSync(log, '');
  const clock = new ManualClock();
  let program: Program | null = null;
  const options: KeyringOptions = {
    url: service.url,
    token: TOKEN,
    environment: {},
    clock,
    timers: clock,
    random: () => 0.5,
    log: () => {},
  };
  const keys = await openKeyring('web', {
    ...options,
    isInUse: (snapshot) => program?.uses(snapshot) ?? true,
    onEvent: () => program?.look(),
  });
  const request: ExecRequest = {
    keyring: parseKeyringName('web'),
    command: ['/bin/sh', '-c', script],
    variables: FLASK_VARIABLES,
    keysFile: null,
    onChange: { kind: 'restart' },
    grace: 30_000,
    minInterval: 60_000,
    splay: 40_000,
    cacheFile: null,
    instance: null,
    ...more,
  };
  const environment = { PATH: process.env.PATH, LOG: log, KEYTURN_TOKEN: TOKEN };
  program = new Program(request, keys, new InUse(), { clock, timers: clock, random: () => 0.5, log: () => {}, environment });
  const exit = program.run();
  t.teardown(async () => {
    program?.signal('SIGKILL');
    keys.close();
    await exit;
  });
  const lines = () => readFileSync(log, 'utf8').trim().split('\n');
  return { clock, keys, program, exit, lines, folder };
}

const STARTED = 'echo "$FLASK_SECRET_KEY $FLASK_SECRET_KEY_FALLBACKS" >> "$LOG";';
const FOREVER = 'while :; do sleep 0.05; done';
const isAlive = (pid: number): boolean => {
  try {
    // A zombie is dead, though nobody has looked.
    return process.kill(pid, 0) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};
const asked = (service: KeysService) => service.asked.at(-1)?.headers['if-none-match'];
const line = (current: number, all: readonly number[]) => `${keyOf(current)} ${JSON.stringify(all.map(keyOf))}`;

t.test('a restart waits for the interval and its share of the splay, and only then is the service told', async (t) => {
  const service = await KeysService.start(t);
  const { clock, keys, lines } = await runScript(t, service, STARTED + FOREVER);
  await until(() => lines().length === 1 && lines()[0] !== '');
  const before = service.etag;
  service.publish();
  await keys.refresh();
  await keys.refresh();
  t.equal(asked(service), before);
  await clock.advance(55_000);
  t.same(lines(), [line(1, [1])], 'not before the interval is over');
  await clock.advance(6_000);
  await until(async () => {
    // an answer that was under way at the hand-over is followed by another one, a moment later
    await clock.advance(10);
    return lines().length === 2 && asked(service) === service.etag;
  });
  t.same(lines()[1], line(1, [2, 1]));
  service.emergency();
  await until(async () => {
    // one that was under way has not heard of it
    await keys.refresh();
    return lines().length === 3;
  });
  t.same(lines()[2], line(3, [3]), 'a cut waits for nothing');
});

t.test('a program that does not end is killed when the grace is over, and what it left behind too', async (t) => {
  const service = await KeysService.start(t);
  const script = `trap "" TERM; ( trap "" TERM; while :; do sleep 0.05; done ) & echo $! >> "$LOG.pids"; ${STARTED} ${FOREVER}`;
  const { clock, keys, lines, folder } = await runScript(t, service, script);
  await until(() => lines()[0] !== '');
  const left = Number(readFileSync(join(folder, 'log.pids'), 'utf8').trim());
  service.emergency();
  await keys.refresh();
  await clock.advance(29_000);
  t.equal(lines().length, 1);
  t.ok(isAlive(left));
  await clock.advance(2_000);
  await until(() => lines().length === 2);
  await until(() => !isAlive(left));
});

t.test('when the lease ends it is stopped within it; the exit code says so', async (t) => {
  const service = await KeysService.start(t);
  service.leaseSeconds = 1_000;
  const { clock, exit, lines, program, keys } = await runScript(
    t,
    service,
    `trap 'echo asked >> "$LOG"; exit 0' TERM; ${STARTED} ${FOREVER}`,
  );
  await until(() => lines()[0] !== '');
  service.instead = problem(503, 'store_unavailable');
  await clock.advance(965_000);
  t.equal(lines().length, 1, 'an outage shorter than the lease is nothing');
  await clock.advance(10_000);
  await until(() => lines().length === 2);
  t.ok(keys.status().leaseSecondsLeft > 0, 'before the last moment');
  t.equal(await exit, 75);
  program.look();
});

t.test('a key that was never handed over does not keep the program beyond the lease of what it holds', async (t) => {
  const service = await KeysService.start(t);
  service.leaseSeconds = 400;
  const { clock, keys, lines } = await runScript(t, service, STARTED + FOREVER, { minInterval: 86_400_000 });
  await until(() => lines()[0] !== '');
  service.publish();
  await keys.refresh();
  while (clock.uptime() < 390_000) await clock.advance(10_000);
  // the clock stands still while the machine takes its time to start the next one
  await until(() => lines().length === 2);
  t.ok(clock.uptime() <= 400_000);
});

t.test('one that reads its file again is told by a signal', async (t) => {
  const service = await KeysService.start(t);
  const keysFile = join(temporaryFolder(t), 'keys.json');
  const read = 'cat "$KEYTURN_KEYS_FILE" >> "$LOG"';
  const more: Partial<ExecRequest> = { keysFile, variables: [], onChange: { kind: 'signal', signal: 'SIGHUP' } };
  const { clock, keys, lines, program, exit } = await runScript(t, service, `trap '${read}' HUP; ${read}; ${FOREVER}`, more);
  await until(() => lines()[0] !== '');
  service.promote();
  await keys.refresh();
  await until(() => lines().length === 2);
  t.same(
    lines().map((text) => JSON.parse(text).current.version),
    [1, 2],
  );
  await keys.refresh();
  t.not(asked(service), service.etag, 'it may not have read the file yet');
  await until(async () => {
    await clock.advance(10_000);
    return asked(service) === service.etag;
  });
  program.signal('SIGTERM');
  t.equal(await exit, 143);
  t.notOk(existsSync(keysFile), 'the file goes with the program');
});
