import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const REQUIREMENTS = join(import.meta.dirname, 'moto-requirements.txt');
const SERVER = join(import.meta.dirname, 'moto-server.py');
const RUNNING = /Running on (http:\/\/127\.0\.0\.1:\d+)/;

interface Moto {
  readonly endpoint: string;
}

/**
 * Moto's HTTP server (an emulator of AWS in Python) for one test file, stopped after it. Its packages are installed once, outside the repository.
 *
 * Where it differs from AWS, version 5.2:
 * - GetSecretValue without a stage may answer with an old value after a label was moved, and BatchGetSecretValue reads so; a put after a move
 *   leaves two versions AWSCURRENT. The store names the stage, and moves labels only after a writer died, which is tried on the double.
 * - A version that is still AWSPENDING can be overwritten under its token; custom labels can sit on two versions. The store uses neither.
 * - A put on a secret in its recovery window succeeds; ListSecretVersionIds gives the name as ARN. The double keeps the first rule.
 * - Of two puts under one token that come at the same time both may win, because it checks and writes without a lock: moto-server.py lets one
 *   request at a time pass.
 * - It checks no size, no name, no signature and no rate, answers no read late, and keeps dates in whole seconds.
 * @returns why there is none, where Python or pip is missing; on CI that is thrown
 */
export async function startMoto(t: { teardown(action: () => unknown): void }): Promise<Moto | string> {
  try {
    return await serve(t, await installed());
  } catch (error) {
    const reason = `moto cannot be started: ${error instanceof Error ? error.message.split('\n')[0] : 'unknown'}`;
    if (process.env.CI === 'true') throw new Error(reason, { cause: error });
    return reason;
  }
}

/** The folder of the packages. Made under another name first: test files that start at the same time do not see it half done. */
async function installed(): Promise<string> {
  const { stdout: version } = await run('python3', ['--version']);
  const folder = join(
    tmpdir(),
    `keyturn-venv-${createHash('sha256').update(version).update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 16)}`,
  );
  if (existsSync(folder)) return folder;
  const draft = `${folder}-${process.pid}`;
  const options = ['--quiet', '--disable-pip-version-check', '--no-deps', '--target', draft];
  await run('python3', ['-m', 'pip', 'install', ...options, '--requirement', REQUIREMENTS]);
  try {
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

async function serve(t: { teardown(action: () => unknown): void }, packages: string): Promise<Moto> {
  const env = { ...process.env, PYTHONPATH: packages };
  const server = spawn('python3', [SERVER], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  t.teardown(async () => {
    if (server.exitCode === null && server.kill('SIGKILL')) await once(server, 'exit');
  });
  for await (const line of createInterface(server.stderr)) {
    const [, endpoint] = RUNNING.exec(line) ?? [];
    if (endpoint === undefined) continue;
    server.stderr.resume();
    return { endpoint };
  }
  throw new Error('its server ended at once');
}
