import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import t from 'tap';
import { temporaryFolder } from '../support/sqlite.ts';
import { mainFile, type Running, start, withoutWarnings } from './keyturn.ts';

const TOKEN = /keyturn_[0-9A-Za-z_]+/g;
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

/** Types the commands that a start has printed into a shell whose `npx keyturn` is the program under test. */
async function typeCommands(cwd: string, commands: string): Promise<string> {
  const bin = join(cwd, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'npx'), `#!/bin/sh\nshift\nexec '${process.execPath}' '${mainFile}' "$@"\n`);
  chmodSync(join(bin, 'npx'), 0o755);
  const env = { PATH: `${bin}:${process.env.PATH}` };
  const { stdout, stderr } = await promisify(execFile)('/bin/sh', ['-ec', commands], { cwd, env });
  return stdout + stderr;
}

interface HeldRequest {
  readonly held: Promise<Response>;
}

/** A request for the keys of `web` that the service holds. */
async function heldRequest(url: string, token: string): Promise<HeldRequest> {
  const headers = { authorization: `Bearer ${token}` };
  const keys = `${url}/v1/keyrings/web/keys`;
  const etag = (await fetch(keys, { headers })).headers.get('etag') ?? '';
  const held = fetch(`${keys}?wait=60`, { headers: { ...headers, 'if-none-match': etag } });
  const waiting = async () => /^keyturn_requests_waiting 1$/m.test(await (await fetch(`${url}/metrics`)).text());
  while (!(await waiting())) await pause(20);
  return { held };
}

/** Two signals, with more time between them than an echo has. */
async function endAtOnce(running: Running): Promise<void> {
  running.kill('SIGTERM');
  await running.printed('"stopping"');
  await pause(700);
  running.kill('SIGINT');
}

/** A request whose body never ends: the service cannot finish it. */
async function unfinishedRequest(url: string, token: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  t.teardown(() => socket.destroy());
  const head = `POST /v1/keyrings HTTP/1.1\r\nHost: keyturn\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
  await new Promise<void>((resolve) => socket.write(`${head}Content-Length: 100\r\n\r\n{"name":`, () => resolve()));
  await pause(100);
}

t.test('from the first start to the last signal', async (t) => {
  const cwd = temporaryFolder(t);
  const first = start(t, { cwd });
  const url = await first.url;
  const tokenFile = join(cwd, 'data/admin.token');
  const [token = ''] = first.stderr().match(TOKEN) ?? [];

  await t.test('the first start prints its admin token once, and leaves it in a file for its owner alone', async (t) => {
    t.equal(first.stderr().match(TOKEN)?.length, 1);
    t.equal(readFileSync(tokenFile, 'utf8'), `${token}\n`);
    t.same([modeOf(tokenFile), modeOf(join(cwd, 'data/master.key')), modeOf(join(cwd, 'data'))], ['600', '600', '700']);
    t.notOk(first.stdout().includes(token), 'the log does not hold it');
    t.equal((await fetch(`${url}/readyz`)).status, 200);
  });

  await t.test('the commands that it prints work in another terminal of the same folder', async (t) => {
    const commands = /rotate it:\n\n((?: {2}.+\n)+)/.exec(first.stderr())?.[1] ?? '';
    t.match(commands, /create web/);
    const output = await typeCommands(cwd, commands);
    t.match(output, /web/);
    const keys = await fetch(`${url}/v1/keyrings/web/keys`, { headers: { authorization: `Bearer ${token}` } });
    t.match(await keys.json(), { current: { version: 1 }, next: { version: 2 } });
  });

  await t.test('a second process on the same folder is refused', async (t) => {
    const { code, stderr } = await start(t, { cwd }).ended;
    t.equal(code, 1);
    t.match(withoutWarnings(stderr), /^keyturn: Another Keyturn process uses .+\. Stop it first.+\n {2}code: store_locked\n$/);
  });

  await t.test('SIGTERM answers a held request, and the process ends well', async (t) => {
    const { held } = await heldRequest(url, token);
    first.kill('SIGTERM');
    t.equal((await held).status, 304);
    const { code, signal } = await first.ended;
    t.same({ code, signal }, { code: 0, signal: null });
    const log = first
      .stdout()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).msg);
    t.same(log.slice(-2), ['stopping', 'stopped']);
  });

  await t.test('the second start prints no token, and knows what the first has made', async (t) => {
    const second = start(t, { cwd, env: { KEYTURN_SHUTDOWN_GRACE_SECONDS: '60' } });
    const address = await second.url;
    t.equal(second.stderr().match(TOKEN), null);
    t.equal((await fetch(`${address}/v1/keyrings/web/keys`, { headers: { authorization: `Bearer ${token}` } })).status, 200);
    await unfinishedRequest(address, token);
    await endAtOnce(second);
    const { code } = await second.ended;
    t.equal(code, 130, 'a second signal ends it at once, whatever is under way');
  });

  await t.test('a connection that is kept alive by its client does not keep the service', async (t) => {
    const kept = start(t, { cwd, env: { KEYTURN_SHUTDOWN_GRACE_SECONDS: '60' } });
    const { hostname, port } = new URL(await kept.url);
    const socket = connect(Number(port), hostname);
    t.teardown(() => socket.destroy());
    const body = '{"key":"x"}';
    const head = `POST /v1/strength HTTP/1.1\r\nHost: keyturn\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
    socket.write(`${head}Content-Length: ${body.length}\r\n\r\n`);
    await pause(100);
    kept.kill('SIGTERM');
    await kept.printed('"stopping"');
    await pause(200);
    socket.write(body);
    t.equal((await kept.ended).code, 0);
  });

  await t.test('what has not ended when the grace is over is given up', async (t) => {
    const third = start(t, { cwd, env: { KEYTURN_SHUTDOWN_GRACE_SECONDS: '1' } });
    await unfinishedRequest(await third.url, token);
    third.kill('SIGINT');
    await third.printed('"stopping"');
    third.kill('SIGINT');
    const { code, stdout } = await third.ended;
    t.equal(code, 1, 'and two signals in a moment are one');
    t.match(stdout, /grace is over/);
  });

  await t.test('a failure that nobody caught ends it, without what hangs on the error', async (t) => {
    const preload = `process.on('SIGUSR2', () => {
      Promise.reject(Object.assign(new Error('boom'), { config: { headers: { 'X-Vault-Token': ['the', 'token'].join('-') } } }));
    })`;
    const broken = start(t, { cwd, preload });
    await broken.url;
    broken.kill('SIGUSR2');
    const { code, stdout, stderr } = await broken.ended;
    t.equal(code, 70);
    t.match(stdout, /"err":\{"name":"Error","message":"boom"/);
    t.match(stderr, /Something went wrong inside keyturn itself/);
    t.notMatch(stdout + stderr, /the-token/);
  });

  await t.test('a signal during the start stops it, and leaves a folder that starts again', async (t) => {
    writeFileSync(join(cwd, 'keyturn.yaml'), 'keyrings:\n  - name: declared\n');
    const fourth = start(t, { cwd });
    await fourth.printed('declared keyring created');
    fourth.kill('SIGTERM');
    const { code, signal, stderr } = await fourth.ended;
    t.ok(code === 0 || signal === 'SIGTERM', `${code} ${signal}`);
    t.notMatch(stderr, /wrong/);
    const fifth = start(t, { cwd });
    await fifth.url;
    fifth.kill('SIGTERM');
    t.equal((await fifth.ended).code, 0);
    t.ok(existsSync(tokenFile));
  });
});

t.test('what still holds the process when all is closed does not keep it', async (t) => {
  const running = start(t, { cwd: temporaryFolder(t), preload: 'setInterval(() => undefined, 1_000);' });
  await running.url;
  running.kill('SIGTERM');
  const ended = await Promise.race([running.ended, pause(15_000, 'still there', { ref: false })]);
  t.match(ended, { code: 0 });
});
