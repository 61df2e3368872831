import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

interface Teardown {
  teardown(action: () => unknown): void;
}

export interface Ran {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

type Env = Readonly<Record<string, string>>;

function start(args: readonly string[], env: Env): ChildProcess {
  const { PATH = '', HOME = '' } = process.env;
  return spawn(process.execPath, [MAIN, ...args], { env: { PATH, HOME, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Runs the `keyturn` command as a process of its own, to its end. */
export async function keyturnProcess(args: readonly string[], env: Env, stdin = ''): Promise<Ran> {
  const child = start(args, env);
  const texts = { out: '', err: '' };
  child.stdout?.on('data', (bytes) => (texts.out += bytes));
  child.stderr?.on('data', (bytes) => (texts.err += bytes));
  child.stdin?.end(stdin);
  const [exit] = (await once(child, 'close')) as [number | null];
  return { exit, out: texts.out, err: stripVTControlCharacters(texts.err) };
}

export interface Served {
  readonly url: string;
  readonly pid: number;
  /** All output so far. */
  output(): string;
  /** Sends a signal and waits for the end. @returns the exit code; null where a signal ended it */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Resolves at the end, however it comes. */
  readonly ended: Promise<number | null>;
}

/** Starts the service on a free port and waits until it listens. Killed after the test. */
export async function servedProcess(t: Teardown, env: Env): Promise<Served> {
  const child = start(['serve'], { KEYTURN_PORT: '0', ...env });
  let output = '';
  const ended = once(child, 'close').then(([code]) => code as number | null);
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const url = await new Promise<string>((resolve, reject) => {
    const read = (bytes: Buffer): void => {
      output += bytes;
      const found = /Keyturn serves (\S+?)\.\s/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    void ended.then((code) => reject(new Error(`The service ended with ${code}: ${output}`)));
  });
  return {
    url,
    pid: child.pid ?? 0,
    output: () => output,
    ended,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      return ended;
    },
  };
}
