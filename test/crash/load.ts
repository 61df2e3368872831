import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Answered } from './judge.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const WORKERS = 6;

export interface Loaded {
  readonly killed: boolean;
  readonly answered: readonly Answered[];
}

/**
 * The real program under requests of several clients, killed at a moment that nobody chose.
 * @param run names what it makes
 * @param after milliseconds from the first request on
 */
export async function killUnderLoad(dataDir: string, run: string, after: number): Promise<Loaded> {
  const env = { PATH: process.env.PATH ?? '', KEYTURN_PORT: '0', KEYTURN_DATA_DIR: dataDir, KEYTURN_LOG_LEVEL: 'silent' };
  const child = spawn(process.execPath, [MAIN, 'serve'], { cwd: '/', env, stdio: ['ignore', 'ignore', 'pipe'] });
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    child.emit('said');
  });
  const address = () => /Keyturn serves (\S+)\. /.exec(said)?.[1];
  while (address() === undefined) {
    const ended = await Promise.race([once(child, 'said').then(() => null), closed]);
    if (ended !== null) throw new Error(`the program did not start (${ended[0]}): ${said}`);
  }
  const call = caller(`${address()}`, readFileSync(join(dataDir, 'admin.token'), 'utf8').trim());
  const answered: Answered[] = [];
  const workers = Array.from({ length: WORKERS }, (_, worker) => work(call, `${run}-${worker}`, answered));
  const kill = setTimeout(() => child.kill('SIGKILL'), after);
  await Promise.all(workers);
  clearTimeout(kill);
  child.kill('SIGKILL');
  const [, signal] = await closed;
  return { killed: signal === 'SIGKILL', answered };
}

type Call = (path: string, payload: object | null) => Promise<{ version?: number } | null>;

/** Null when the program is gone. @throws Error where it refuses */
function caller(url: string, token: string): Call {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return async (path, payload) => {
    const request = payload === null ? { headers } : { method: 'POST', headers, body: JSON.stringify(payload) };
    const answer = await fetch(`${url}${path}`, request)
      .then(async (response) => ({ status: response.status, body: (await response.json()) as { version?: number } }))
      .catch(() => null);
    if (answer === null) return null;
    if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
}

/** Makes keyrings and rotates, revokes and reads them, until the program is gone. */
async function work(call: Call, run: string, answered: Answered[]): Promise<void> {
  const change = async (keyring: string, path: string, payload: { reason: string }): Promise<boolean> => {
    const body = await call(path, payload);
    if (body !== null) answered.push({ operation: 'load', keyring, reason: payload.reason, version: body.version ?? null });
    return body !== null;
  };
  for (let turn = 0; ; turn++) {
    const name = `l${run}-${turn}`;
    const at = `/v1/keyrings/${name}`;
    const alive =
      (await change(name, '/v1/keyrings', { name, reason: `create ${name}` } as { reason: string })) &&
      (await change(name, `${at}/rotate`, { kind: 'immediate', reason: `rotate ${name}` } as { reason: string })) &&
      (await call(`${at}/keys`, null)) !== null &&
      (await change(name, `${at}/versions/1/revoke`, { reason: `revoke ${name}` })) &&
      (await change(name, `${at}/rotate`, { kind: 'emergency', reason: `emergency ${name}` } as { reason: string }));
    if (!alive) return;
  }
}
