import type { Instant, Millis } from '../../src/core/time.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Draws } from './draws.ts';
import { BEGINNING, type Timeline } from './timeline.ts';

/** What clocks may disagree by, and what else the skew of a policy has to pay for (docs/simulator.md has the sum). */
export const SKEW_SECONDS = 8;
const SHARE: Millis = 1_900;
/** No wall clock in the world is further than this from true time. */
export const MOST_OFF: Millis = SHARE;
/** No swap commits later than this after the instant that it is stamped with. */
export const LONGEST_COMMIT: Millis = SHARE;
/** An instance's own clock is slower by no more than this part: over the longest lease, less than a share. */
export const SLOWEST_INSTANCE = 0.02;
/** Uptimes run that much too fast or too slow at most. */
const UPTIME_DRIFT = 2e-4;

/** A replica's clocks. The wall clock is off, drifts and jumps, within `MOST_OFF`; the uptime starts with the process. */
export class SkewedClock implements Clock {
  readonly #timeline: Timeline;
  readonly #born: Millis;
  readonly #rate: number;
  #offset = 0;
  #drift = 0;
  #setAt: Millis = 0;

  constructor(timeline: Timeline, draws: Draws) {
    this.#timeline = timeline;
    this.#born = timeline.now;
    this.#rate = 1 + (draws.fraction() * 2 - 1) * UPTIME_DRIFT;
    this.step(draws);
  }

  now(): Instant {
    const drifted = this.#offset + this.#drift * (this.#timeline.now - this.#setAt);
    return BEGINNING + this.#timeline.now + Math.round(Math.min(MOST_OFF, Math.max(-MOST_OFF, drifted)));
  }

  uptime(): Millis {
    return Math.floor((this.#timeline.now - this.#born) * this.#rate);
  }

  /** The wall clock is set, rightly or wrongly, and drifts another way from now on. */
  step(draws: Draws): void {
    this.#offset = draws.happens(0.3) ? 0 : draws.between(-MOST_OFF, MOST_OFF);
    this.#drift = draws.happens(0.5) ? 0 : (draws.fraction() * 2 - 1) * 0.01;
    this.#setAt = this.#timeline.now;
  }
}
