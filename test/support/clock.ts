import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Instant, Millis } from '../../src/core/time.ts';
import type { Clock, Timers } from '../../src/ports/clock.ts';

interface Timer {
  readonly due: Millis;
  readonly callback: () => void;
}

/** A clock that a test moves by hand. */
export class ManualClock implements Clock, Timers {
  #now: Instant;
  #uptime: Millis = 0;
  readonly #timers = new Set<Timer>();

  constructor(now: Instant | string = '2026-01-01T00:00:00.000Z') {
    this.#now = typeof now === 'string' ? Date.parse(now) : now;
  }

  now(): Instant {
    return this.#now;
  }

  uptime(): Millis {
    return this.#uptime;
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size;
  }

  after(delay: Millis, callback: () => void): () => void {
    const timer = { due: this.#uptime + Math.max(0, delay), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets time pass, firing what falls due in order, each at its own moment; what a callback starts may settle and set timers of its own. */
  async advance(by: Millis): Promise<void> {
    const end = this.#uptime + by;
    await nextTurn();
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#moveTo(timer.due);
      this.#timers.delete(timer);
      timer.callback();
      await nextTurn();
    }
    this.#moveTo(end);
  }

  /** Moves the wall clock only: uptime and timers do not notice. */
  setBack(by: Millis): void {
    this.#now -= by;
  }

  #moveTo(uptime: Millis): void {
    this.#now += uptime - this.#uptime;
    this.#uptime = uptime;
  }

  #next(end: Millis): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (timer.due <= end && (first === undefined || timer.due < first.due)) first = timer;
    return first;
  }
}
