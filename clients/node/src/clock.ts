/** Milliseconds. */
export type Millis = number;
/** Milliseconds since 1970 by the wall clock. */
export type Instant = number;

export interface Clock {
  /** The wall clock. It may jump. */
  now(): Instant;
  /** Milliseconds since some fixed moment of this process; never runs backwards, and may stand still while the machine sleeps. */
  uptime(): Millis;
}

export interface Timers {
  /** Calls back once after a delay, unless cancelled by the returned function. Does not keep the process alive. */
  after(delay: Millis, callback: () => void): () => void;
}

/** The longest delay that setTimeout takes; a longer one would fire at once. */
const LONGEST_TIMEOUT: Millis = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  uptime: () => performance.now(),
};

export const systemTimers: Timers = {
  after(delay, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delay), LONGEST_TIMEOUT));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
