import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What of a tap test this needs. */
interface Teardown {
  teardown(action: () => unknown): void;
}

export interface TestPostgres {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  /** As the owner of everything; `port` puts a proxy in between. */
  url(port?: number): string;
  /** Stops it at once, as a crash does. */
  stop(): Promise<void>;
  /** On the same data and port. */
  start(): Promise<void>;
  /** Both. */
  restart(): Promise<void>;
  /** Makes a folder the server's own, where it runs as another user. */
  giveFolder(folder: string): void;
  /** Resolves when it has ended, by itself or not. */
  ended(): Promise<void>;
}

export interface TestPostgresOptions {
  /** It syncs every commit, as one in service does. Default false. */
  readonly durable?: boolean;
  /** An empty folder for its WAL, which then comes in small segments. Default: with the data. */
  readonly walFolder?: string;
}

const USER = 'keyturn';
const DEBIAN = '/usr/lib/postgresql';

/** No sync: these data need not survive. */
const FAST = ['fsync=off', 'full_page_writes=off', 'autovacuum=off'];

/** Where PostgreSQL's programs are; null = not on this machine. With `CI=true` that is a failure. */
export function postgresPrograms(): string | null {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(DEBIAN, version, 'bin')), ...(process.env.PATH ?? '').split(':')];
  const found = folders.find((folder) => folder !== '' && existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
  if (found === undefined && process.env.CI === 'true') throw new Error('PostgreSQL is missing, and CI=true: apt-get install postgresql');
  return found ?? null;
}

/** Why tests of PostgreSQL are skipped here, or false. For the `skip` of a tap test. */
export const noPostgres: string | false = postgresPrograms() === null ? 'no PostgreSQL (initdb, postgres) on this machine' : false;

/**
 * A server of its own on a free port, stopped and deleted after the test. Names sort by a language, so that a forgotten collation is found out.
 */
export async function startPostgres(t: Teardown, { durable = false, walFolder }: TestPostgresOptions = {}): Promise<TestPostgres> {
  const programs = postgresPrograms();
  if (programs === null) throw new Error('PostgreSQL is missing');
  const folder = mkdtempSync(join(tmpdir(), 'keyturn-pg-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const owner = ownerOf(folder);
  const password = randomBytes(12).toString('hex');
  const data = join(folder, 'data');
  if (walFolder !== undefined) giveTo(owner, walFolder);
  const wal = walFolder === undefined ? [] : ['--waldir', walFolder, '--wal-segsize=1'];
  initialise({ programs, folder, data, password, owner, wal });
  const port = await freePort();
  const begin = () => run(join(programs, 'postgres'), { data, folder, port, owner, durable });
  let server = await begin();
  t.teardown(() => stop(server, 'SIGINT'));
  const end = () => stop(server, 'SIGQUIT');
  const start = async (): Promise<void> => {
    server = await begin();
  };
  return {
    host: '127.0.0.1',
    port,
    password,
    url: (through = port) => `postgres://${USER}:${password}@127.0.0.1:${through}/postgres`,
    stop: end,
    start,
    async restart() {
      await end();
      await start();
    },
    giveFolder: (folder) => giveTo(owner, folder),
    ended: () => endOf(server),
  };
}

/** PostgreSQL refuses to run as root. */
interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

function ownerOf(folder: string): Owner {
  if (process.getuid?.() !== 0) return {};
  const name = userExists('postgres') ? 'postgres' : 'nobody';
  const owner = { uid: idOf('-u', name), gid: idOf('-g', name) };
  chownSync(folder, owner.uid, owner.gid);
  return owner;
}

function userExists(name: string): boolean {
  try {
    return Number.isInteger(idOf('-u', name));
  } catch {
    return false;
  }
}

function idOf(which: '-u' | '-g', name: string): number {
  return Number(execFileSync('id', [which, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
}

function giveTo({ uid, gid }: Owner, path: string): void {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}

interface Initialise {
  readonly programs: string;
  readonly folder: string;
  readonly data: string;
  readonly password: string;
  readonly owner: Owner;
  /** Options of initdb. */
  readonly wal: readonly string[];
}

function initialise({ programs, folder, data, password, owner, wal }: Initialise): void {
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  giveTo(owner, passwordFile);
  mkdirSync(data, { mode: 0o700 });
  giveTo(owner, data);
  const how = [
    '-D',
    data,
    '-U',
    USER,
    '--pwfile',
    passwordFile,
    '-A',
    'scram-sha-256',
    '-E',
    'UTF8',
    '--no-sync',
    '--no-instructions',
    ...wal,
  ];
  const language = ['--locale=C', '--locale-provider=icu', '--icu-locale=en'];
  const options = { cwd: folder, stdio: 'ignore', env: { PATH: process.env.PATH ?? '' }, ...owner } as const;
  try {
    execFileSync(join(programs, 'initdb'), [...how, ...language], options);
  } catch {
    rmSync(data, { recursive: true, force: true });
    execFileSync(join(programs, 'initdb'), [...how, '--locale=C'], options);
  }
}

interface Run {
  readonly data: string;
  readonly folder: string;
  readonly port: number;
  readonly owner: Owner;
  readonly durable: boolean;
}

async function run(program: string, { data, folder, port, owner, durable }: Run): Promise<ChildProcess> {
  const sizes = ['max_connections=150', 'shared_buffers=32MB'];
  const settings = [...sizes, ...(durable ? [] : FAST), 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`].flatMap(
    (setting) => ['-c', setting],
  );
  const server = spawn(program, ['-D', data, '-p', String(port), ...settings], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...owner,
  });
  process.once('exit', () => server.kill('SIGQUIT'));
  const said: string[] = [];
  for await (const line of createInterface(server.stderr)) {
    said.push(line);
    if (line.includes('ready to accept connections')) {
      server.stderr.resume();
      return server;
    }
  }
  throw new Error(`PostgreSQL did not start:\n${said.slice(-5).join('\n')}`);
}

async function stop(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill(signal);
  await exited;
}

async function endOf(server: ChildProcess): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}
