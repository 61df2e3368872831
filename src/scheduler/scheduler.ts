import { createTask, type ScheduledTask } from 'node-cron';
import { slotsAfter } from '../core/schedule.ts';
import type { Instant, Millis } from '../core/time.ts';

export interface SchedulerDeps {
  /** When to look for what is due: a node-cron expression, in UTC. What is due is stored with each keyring; this only wakes. */
  readonly cron: string;
  readonly run: () => Promise<void>;
  readonly clock: { uptime(): Millis };
  /** Told of each run: how long it took, and what stopped it. */
  readonly ran: (took: Millis, error: unknown) => void;
}

/** Wakes the sweep; one run at a time. A wake-up that falls into a running sweep is left out: nothing is lost, due-ness is stored. */
export class Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #task: ScheduledTask;
  #running: Promise<void> | null = null;
  #lastSweep: Millis | null = null;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    this.#task = createTask(deps.cron, () => this.wake(), { timezone: 'UTC', name: 'sweep' });
  }

  /** Uptime at the end of the last run that ran through; null before the first. */
  get lastSweep(): Millis | null {
    return this.#lastSweep;
  }

  /** Runs once now, for what was missed, and from then on by the clock. */
  async start(): Promise<void> {
    await this.wake();
    await this.#task.start();
  }

  /** One run; joins the one under way. Never rejects: a failure is reported and the next wake-up tries again. */
  wake(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** No more runs; the one under way is waited for. */
  async stop(): Promise<void> {
    await this.#task.destroy();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, run, ran } = this.#deps;
    const began = clock.uptime();
    try {
      await run();
      this.#lastSweep = clock.uptime();
      ran(this.#lastSweep - began, null);
    } catch (error) {
      ran(clock.uptime() - began, error);
    }
  }
}

const WAKES_TO_LOOK_AT = 100;

/** The longest time between two of the coming wake-ups; 0 with fewer than two. */
export function longestPause(cron: string, now: Instant): Millis {
  const wakes = slotsAfter({ cron, timeZone: 'UTC' }, now, WAKES_TO_LOOK_AT);
  return Math.max(0, ...wakes.slice(1).map((wake, index) => wake - (wakes[index] ?? wake)));
}
