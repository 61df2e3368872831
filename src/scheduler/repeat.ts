import type { Millis } from '../core/time.ts';
import type { Timers } from '../ports/clock.ts';

/**
 * Runs a task again and again, each time a pause after the last one has ended; never twice at a time.
 * @param failed hears of each failure; the next run follows all the same
 * @returns stops it, and waits for the run under way
 */
export function repeat(timers: Timers, pause: Millis, task: () => Promise<unknown>, failed: (error: unknown) => void): () => Promise<void> {
  let stopped = false;
  let cancel = (): void => undefined;
  let running: Promise<void> = Promise.resolve();
  const schedule = (): void => {
    cancel = timers.after(pause, () => {
      running = attempt(task)
        .then(() => undefined, failed)
        .finally(() => {
          if (!stopped) schedule();
        });
    });
  };
  schedule();
  return async () => {
    stopped = true;
    cancel();
    await running;
  };
}

/** Makes a rejection of what the task throws before it has begun to wait. */
async function attempt(task: () => Promise<unknown>): Promise<unknown> {
  return task();
}
