import type { Instant, Millis } from '../core/time.ts';

export interface Clock {
  /** The wall clock. It may jump. */
  now(): Instant;
  /** Milliseconds since some fixed moment of this process; never runs backwards. For ages and durations. */
  uptime(): Millis;
}

export interface Timers {
  /** Calls back once after a delay, unless cancelled by the returned function. */
  after(delay: Millis, callback: () => void): () => void;
}
