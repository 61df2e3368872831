import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Served extends AsyncDisposable {
  readonly url: string;
}

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** The real service as `npm start` runs it, in a folder of its own and on a free port; stopped by its process id. */
export async function keyturnServe(cwd: string): Promise<Served> {
  const { PATH } = process.env;
  const child = spawn(process.execPath, [MAIN, 'serve'], { cwd, env: { PATH, KEYTURN_PORT: '0' }, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.resume();
  return { url: await urlOf(child), [Symbol.asyncDispose]: () => stop(child) };
}

async function urlOf(child: ChildProcess): Promise<string> {
  let said = '';
  for await (const chunk of child.stderr ?? []) {
    said += String(chunk);
    const url = /Keyturn serves (http:\/\/127\.0\.0\.1:\d+)\./.exec(said)?.[1];
    if (url !== undefined && said.includes('rotate web')) return url;
  }
  throw new Error(`The service did not start: ${said.replaceAll(/keyturn_\w+/g, 'keyturn_…')}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
