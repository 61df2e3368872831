import type { Instant, Millis } from '../core/time.ts';
import { MINUTE, SECOND } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import type { TokenId } from '../ports/tokens.ts';

/** How long an id that the store did not know stays unknown without asking again. */
const MISS_LASTS: Millis = 10 * SECOND;
const MISSES_KEPT = 4_096;
/** Questions about unknown ids that may go to the store in one second: garbage with a good checksum is cheap to make. */
const QUESTIONS_A_SECOND = 50;

/** Ids that the store did not know a moment ago; the oldest are forgotten first. */
export class Misses {
  readonly #clock: Clock;
  readonly #at = new Map<TokenId, Millis>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#at.size;
  }

  has(id: TokenId): boolean {
    const at = this.#at.get(id);
    return at !== undefined && this.#clock.uptime() - at < MISS_LASTS;
  }

  add(id: TokenId): void {
    this.#at.delete(id);
    this.#at.set(id, this.#clock.uptime());
    const [oldest] = this.#at.keys();
    if (this.#at.size > MISSES_KEPT && oldest !== undefined) this.#at.delete(oldest);
  }

  delete(id: TokenId): void {
    this.#at.delete(id);
  }
}

/** Bounds the questions to the store. */
export class QuestionBudget {
  readonly #clock: Clock;
  #second = -1;
  #asked = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False when this second's questions are spent. */
  take(): boolean {
    const second = Math.floor(this.#clock.uptime() / SECOND);
    if (second !== this.#second) this.#asked = 0;
    this.#second = second;
    return this.#asked++ < QUESTIONS_A_SECOND;
  }
}

/** Last uses of tokens, to the minute, until they are written down; at most one for each known token. */
export class Uses {
  #pending = new Map<TokenId, Instant>();

  note(id: TokenId, now: Instant): void {
    const minute = now - (now % MINUTE);
    const last = this.#pending.get(id);
    if (last === undefined || last < minute) this.#pending.set(id, minute);
  }

  /** Hands all over; a use that is noted from now on is a new one. */
  take(): ReadonlyMap<TokenId, Instant> {
    const taken = this.#pending;
    this.#pending = new Map();
    return taken;
  }

  putBack(uses: ReadonlyMap<TokenId, Instant>): void {
    for (const [id, at] of uses) this.note(id, at);
  }
}
