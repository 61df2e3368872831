import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { CacheFile } from '../../../clients/node/src/cache-file.ts';
import { openKeyring } from '../../../clients/node/src/index.ts';

/** The built client, in plain JavaScript and on the oldest Node of this machine, against a real service process. */

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const POLICY = { schedule: null, leaseSeconds: 2, refreshSeconds: 1, skewSeconds: 0, tokenLifetimeSeconds: 60 };

const BARE = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };
/** The test runner hooks into every Node that is started; other programs do not bear that. */
const UNHOOKED = ['-c', 'unset NODE_OPTIONS; exec "$@"', 'sh'];

function run(argv: readonly string[], cwd: string, env: Record<string, string> = {}): string {
  return execFileSync('/bin/sh', [...UNHOOKED, ...argv], { cwd, env: { ...BARE, ...env }, encoding: 'utf8', timeout: 30_000 });
}

const folder = mkdtempSync(join(tmpdir(), 'keyturn-e2e-'));
const children: ChildProcess[] = [];
t.teardown(async () => {
  await Promise.all(children.map(stop));
  rmSync(folder, { recursive: true, force: true });
});

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await ended;
  clearTimeout(timer);
}

/** The machine's own Node where it is older: Node 20 takes no types. */
function oldestNode(): string {
  const own = ['/usr/bin/node', '/usr/local/bin/node'].filter((path) => existsSync(path));
  const major = (path: string) => Number(run([path, '-p', 'process.versions.node.split(".")[0]'], ROOT));
  return own.find((path) => major(path) >= 20 && major(path) < 24) ?? process.execPath;
}

/** Starts a process and waits for the line that says where it listens. */
async function start(node: string, argv: readonly string[], env: Record<string, string>): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn('/bin/sh', [...UNHOOKED, node, ...argv], { cwd: ROOT, env: { ...BARE, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  for await (const line of createInterface(child.stdout)) {
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (url !== undefined) {
      child.stdout.resume();
      return { child, url };
    }
  }
  throw new Error(`${argv.join(' ')} ended without listening: ${errors}`);
}

const node = oldestNode();
run([process.execPath, join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'clients/node'], ROOT);

const dataDir = join(folder, 'data');
const service = await start(process.execPath, ['src/main.ts', 'serve'], { KEYTURN_DATA_DIR: dataDir, KEYTURN_PORT: '0' });
const admin = readFileSync(join(dataDir, 'admin.token'), 'utf8').trim();

// biome-ignore lint/suspicious/noExplicitAny: the answers of an HTTP API, compared with literals
async function call(path: string, body: object): Promise<any> {
  const headers = { authorization: `Bearer ${admin}`, 'content-type': 'application/json' };
  const answer = await fetch(`${service.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  return answer.json();
}

async function appEnvironment(keyring: string, policy: object = POLICY): Promise<Record<string, string>> {
  await call('/v1/keyrings', { name: keyring, policy, reason: 'a test' });
  const { token } = await call('/v1/tokens', { name: keyring, roles: ['app'], keyrings: [keyring] });
  const file = join(folder, `${keyring}.token`);
  writeFileSync(file, token, { mode: 0o600 });
  return { KEYTURN_URL: service.url, KEYTURN_TOKEN_FILE: file, KEYRING: keyring, PORT: '0' };
}

interface Told {
  readonly user: string | null;
  readonly signsWith: number;
  readonly alsoVerifies: readonly number[];
}

/** A person with one cookie. */
class Visitor {
  readonly #url: string;
  #cookie = '';
  visits = 0;

  constructor(url: string) {
    this.#url = url;
  }

  async login(user: string): Promise<void> {
    await this.#served('/login', { method: 'POST', body: new URLSearchParams({ user }) });
  }

  async whoami(): Promise<Told> {
    this.visits++;
    return (await (await this.#served('/whoami')).json()) as Told;
  }

  /** On a machine that is too busy the lease of two seconds can end: a 503 logs nobody out, so it is tried again. */
  async #served(path: string, init: RequestInit = {}): Promise<Response> {
    for (;;) {
      const answer = await this.#fetch(path, init);
      if (answer.status < 400) return answer;
      if (answer.status !== 503) throw new Error(`${path}: status ${answer.status}`);
      await sleep(100);
    }
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const answer = await fetch(`${this.#url}${path}`, { ...init, redirect: 'manual', headers: { cookie: this.#cookie } });
    for (const cookie of answer.headers.getSetCookie()) this.#cookie = cookie.split(';')[0] ?? '';
    return answer;
  }
}

t.jobs = 2;

t.test('the built package has all it exports, on the oldest Node of this machine', async (t) => {
  const scope = join(folder, 'node_modules', '@keyturn');
  mkdirSync(scope, { recursive: true });
  symlinkSync(join(ROOT, 'clients/node'), join(scope, 'client'));
  const { exports: exported } = JSON.parse(readFileSync(join(ROOT, 'clients/node/package.json'), 'utf8'));
  const paths = Object.keys(exported).filter((path) => path !== './package.json');
  const imports = paths.map((path) => `await import('@keyturn/client${path.slice(1)}')`);
  const script = join(folder, 'smoke.mjs');
  writeFileSync(
    script,
    `const all = [${imports.join(', ')}];
     const keys = await all[0].openKeyring('smoke');
     console.log(JSON.stringify({ node: process.version, functions: all.flatMap(Object.values).filter((value) => typeof value === 'function').length, usable: keys.status().usable }));`,
  );
  const text = run([node, script], folder, await appEnvironment('smoke'));
  const { functions, usable, node: version } = JSON.parse(text);
  t.comment(`on Node ${version}`);
  t.ok(functions >= 20);
  t.equal(usable, true, 'and the process ended by itself with the keyring open');
});

t.test('each process of a cluster keeps its own keys, and all share one cache file', async (t) => {
  const script = join(folder, 'cluster.mjs');
  const cacheFile = join(folder, 'cluster.cache');
  writeFileSync(
    script,
    `import cluster from 'node:cluster';
     import { openKeyring } from '${join(ROOT, 'clients/node/dist/index.js')}';
     const keys = await openKeyring('cluster', { cacheFile: '${cacheFile}' });
     for (let round = 0; round < 5; round++) await keys.refresh();
     console.log(JSON.stringify(keys.status()));
     if (cluster.isPrimary) {
       for (let worker = 0; worker < 3; worker++) cluster.fork();
     } else process.disconnect();`,
  );
  const environment = await appEnvironment('cluster', { ...POLICY, leaseSeconds: 3_600 });
  const told = run([node, script], folder, environment).trim().split('\n');
  t.equal(told.length, 4);
  for (const line of told) t.match(JSON.parse(line), { usable: true, version: 1, source: 'service' });
  const token = readFileSync(environment.KEYTURN_TOKEN_FILE ?? '', 'utf8');
  const cached = await new CacheFile(cacheFile, 'cluster', service.url).load(token, Date.now());
  t.equal(cached?.keys.snapshot.current.version, 1);
  t.same(
    readdirSync(folder).filter((name) => name.endsWith('.new')),
    [],
    'nothing is left beside it',
  );
});

t.test('with a held request an emergency arrives at once', async (t) => {
  const environment = await appEnvironment('held', { ...POLICY, leaseSeconds: 3_600, refreshSeconds: 600 });
  const keys = await openKeyring('held', { environment, waitSeconds: 60, log: () => {} });
  t.teardown(() => keys.close());
  const changed = new Promise<number | undefined>((resolve) => void keys.onChange((snapshot) => resolve(snapshot?.current.version)));
  // The request that is held begins within a second of the start.
  await sleep(1_100);
  await call('/v1/keyrings/held/rotate', { kind: 'emergency', reason: 'a test' });
  t.equal(await changed, 2, 'long before the next refresh, which is ten minutes away');
});

for (const name of ['express', 'fastify']) {
  t.test(`examples/${name}: people stay logged in through two rotations, and an emergency logs them out`, async (t) => {
    const { url } = await start(node, [`examples/${name}/app.js`], await appEnvironment(name));
    const ada = new Visitor(url);
    await ada.login('ada');
    t.match(await ada.whoami(), { user: 'ada', signsWith: 1 });
    const resting = new Visitor(url);
    await resting.login('grace');
    for (const version of [2, 3]) {
      const { version: published } = await call(`/v1/keyrings/${name}/rotate`, { kind: 'scheduled', reason: 'a test' });
      t.equal(published, version);
      for (let told = await ada.whoami(); told.signsWith !== version; told = await ada.whoami()) {
        if (told.user !== 'ada') throw new Error(`ada was logged out: ${JSON.stringify(told)}`);
        await sleep(20);
      }
    }
    t.match(await ada.whoami(), { user: 'ada', signsWith: 3 }, `after ${ada.visits} visits`);
    t.match(await resting.whoami(), { user: 'grace' }, 'who did not visit meanwhile');
    await call(`/v1/keyrings/${name}/rotate`, { kind: 'emergency', reason: 'a test' });
    let told = await ada.whoami();
    for (; told.signsWith !== 4; told = await ada.whoami()) await sleep(20);
    t.match(await ada.whoami(), { user: null, signsWith: 4, alsoVerifies: [] });
    t.ok(ada.visits > 20);
  });
}
