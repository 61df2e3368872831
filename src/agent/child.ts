import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Millis } from '../core/time.ts';
import type { Timers } from '../ports/clock.ts';

export interface ChildOptions {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timers: Timers;
}

type Environment = ChildOptions['env'];

/** What a program has no use for but to act as its starter, or as the service itself. */
const OURS: readonly string[] = ['KEYTURN_TOKEN', 'KEYTURN_MASTER_KEY', 'KEYTURN_NEW_MASTER_KEY', 'KEYTURN_POSTGRES_URL'];

/** What of our environment a program inherits: all but our own secrets. */
export function inheritedFrom(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !OURS.includes(name)));
}

/** As shells: 127 = there is no such program, 126 = it cannot be run. */
const EXIT_OF_ERROR: Readonly<Record<string, number>> = { ENOENT: 127 };
const CANNOT_RUN = 126;

/**
 * A running program, the head of a process group of its own. Signals go to the program alone; what it leaves behind in its group when it ends
 * is killed, because it would go on holding keys.
 */
export class Child {
  /** The exit code as shells know it: 128 and the number of the signal that ended it. Never rejects. */
  readonly ended: Promise<number>;
  readonly #process: ChildProcess;
  readonly #timers: Timers;
  #hasEnded = false;

  constructor({ command, env, timers }: ChildOptions) {
    const [program = '', ...args] = command;
    this.#timers = timers;
    this.#process = spawn(program, args, { env, stdio: 'inherit', detached: true });
    this.ended = new Promise<number>((resolve) => {
      this.#process.once('error', (error) => resolve(EXIT_OF_ERROR['code' in error ? String(error.code) : ''] ?? CANNOT_RUN));
      this.#process.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
    }).finally(() => {
      this.#hasEnded = true;
      this.#killGroup();
    });
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#hasEnded) this.#process.kill(signal);
  }

  /** SIGTERM, and SIGKILL for the whole group when the grace is over. */
  async stop(grace: Millis): Promise<void> {
    this.signal('SIGTERM');
    const cancel = this.#timers.after(grace, () => this.#killGroup());
    await this.ended;
    cancel();
  }

  #killGroup(): void {
    const { pid } = this.#process;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // nobody is left
    }
  }
}
