import { performance } from 'node:perf_hooks';
import type { Millis } from './core/time.ts';
import type { Clock, Timers } from './ports/clock.ts';

/** The longest delay that setTimeout takes; a longer one would fire at once. */
const LONGEST_TIMEOUT: Millis = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  uptime: () => Math.floor(performance.now()),
};

/** Milliseconds with fractions, for measuring how long something took. */
export function stopwatch(): Millis {
  return performance.now();
}

/** Timers of any length. A pending one keeps the process alive until it is cancelled. */
export const systemTimers: Timers = {
  after(delay, callback) {
    let timer: NodeJS.Timeout;
    const wait = (left: Millis): void => {
      const step = Math.min(left, LONGEST_TIMEOUT);
      timer = setTimeout(() => (left > step ? wait(left - step) : callback()), step);
    };
    wait(Math.max(0, delay));
    return () => clearTimeout(timer);
  },
};

/** Does not keep the process alive itself. */
export function ifStillAlive(delay: Millis, callback: () => void): void {
  setTimeout(callback, delay).unref();
}
