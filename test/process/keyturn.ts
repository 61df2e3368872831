import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const mainFile = join(root, 'src/main.ts');

/** What of a tap test this needs. */
interface Teardown {
  teardown(action: () => unknown): void;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  /** Its URL, once it listens; rejects with its output when it ends before. */
  readonly url: Promise<string>;
  readonly ended: Promise<Ended>;
  stderr(): string;
  stdout(): string;
  /** Resolves when the text was printed. */
  printed(text: string | RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface StartOptions {
  /** Where it runs: `data` and `keyturn.yaml` are looked for here. */
  readonly cwd: string;
  /** Laid over an environment that holds nothing of Keyturn but a free port. */
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly uid?: number;
  /** A program that is loaded before it: what goes wrong inside. */
  readonly preload?: string;
}

/** tap puts a loader of its own into every process of Node that a test starts; the program is to run as anywhere. The shell becomes it. */
const WITHOUT_TAP = 'unset NODE_OPTIONS; exec "$0" "$@"';

/** The real program in a process of its own, by the Node that runs the tests. Killed after the test if it still runs. */
export function start(t: Teardown, { cwd, env = {}, args = ['serve'], uid, preload }: StartOptions): Running {
  const before = preload === undefined ? [] : ['--import', `data:text/javascript,${encodeURIComponent(preload)}`];
  const child = spawn('/bin/sh', ['-c', WITHOUT_TAP, process.execPath, ...before, mainFile, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', KEYTURN_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid !== undefined && { uid }),
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
      child.emit('printed');
    });
  }
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code, signal, ...output }));
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });
  const printed = (text: string | RegExp) => whenPrinted(child, ended, () => matches(output.stdout + output.stderr, text));
  const url = printed(/Keyturn serves \S+\. /).then(() => /Keyturn serves (\S+)\. /.exec(output.stderr)?.[1] ?? '');
  url.catch(() => undefined);
  return { url, ended, printed, stderr: () => output.stderr, stdout: () => output.stdout, kill: (signal) => void child.kill(signal) };
}

/** Runs the program to its end. */
export function runToEnd(t: Teardown, options: StartOptions): Promise<Ended> {
  return start(t, options).ended;
}

function matches(output: string, text: string | RegExp): boolean {
  return typeof text === 'string' ? output.includes(text) : text.test(output);
}

async function whenPrinted(child: ChildProcess, ended: Promise<Ended>, seen: () => boolean): Promise<void> {
  const over = ended.then(({ code, stderr, stdout }) => {
    if (!seen()) throw new Error(`keyturn ended with ${code} before that was printed:\n${stdout}${stderr}`);
  });
  over.catch(() => undefined);
  while (!seen()) await Promise.race([once(child, 'printed'), over]);
}

/** What a start prints to stderr, without the warnings of Node and of libraries. */
export function withoutWarnings(stderr: string): string {
  return stderr.replace(/^\(node:\d+\).*\n(?:\(Use .*\n)?/gm, '');
}
