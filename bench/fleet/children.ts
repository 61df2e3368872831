import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export const ROOT = new URL('../../', import.meta.url).pathname;

/** What a child inherits: nothing of this shell's Keyturn or Flask. */
function surroundings(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:KEYTURN|FLASK|FLEET)_/.test(name)));
}

const running = new Set<ChildProcess>();

/** No child outlives the conductor, however it ends. */
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** One process, its output in a file. */
export class Child {
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #log: string;

  constructor(command: readonly string[], env: NodeJS.ProcessEnv, log: string) {
    const [file = '', ...given] = command;
    const output = openSync(log, 'a');
    const child = spawn(file, given, { cwd: ROOT, env: { ...surroundings(), ...env }, stdio: ['ignore', output, output] });
    closeSync(output);
    running.add(child);
    this.#child = child;
    this.#log = log;
    this.exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    void this.exited.then(() => running.delete(child));
  }

  get lives(): boolean {
    return running.has(this.#child);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Ends it, with SIGKILL where it does not go by itself within so many milliseconds. */
  async end(signal: NodeJS.Signals = 'SIGTERM', patience = 20_000): Promise<void> {
    this.signal(signal);
    await Promise.race([this.exited, pause(patience, undefined, { ref: false })]);
    if (this.lives) this.signal('SIGKILL');
    await this.exited;
  }

  /** The last of what it said. */
  said(): string {
    return readFileSync(this.#log, 'utf8').slice(-2_000);
  }
}

/** Waits until the check passes. @throws Error with what the child said, where it ends or the patience does */
export async function ready(child: Child, what: string, check: () => Promise<boolean>, patience = 120_000): Promise<void> {
  for (const end = Date.now() + patience; Date.now() < end && child.lives; await pause(100)) {
    if (await check().catch(() => false)) return;
  }
  throw new Error(`${what} did not start:\n${child.said()}`);
}

/** Below the range that the system takes for outgoing connections: what starts again on its port must find it free. */
let candidate = 20_000 + Math.floor(Math.random() * 8_000);

export async function freePort(): Promise<number> {
  for (;;) {
    const port = candidate++;
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer().once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
