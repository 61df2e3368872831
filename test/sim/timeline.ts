import type { Instant, Millis } from '../../src/core/time.ts';

/** The wall clock of the world at its beginning. */
export const BEGINNING: Instant = Date.parse('2026-03-01T12:00:00.000Z');

interface Event {
  readonly due: Millis;
  readonly happen: () => void;
}

/** Virtual time: true time, which no clock in the world shows exactly. Nothing happens but by its events, one after the other. */
export class Timeline {
  /** Latest first: the end is what comes next. Events of one instant happen in the order in which they were asked for. */
  readonly #events: Event[] = [];
  readonly #after: () => void;
  now: Millis = 0;

  /** @param after called when all is done that an event has begun */
  constructor(after: () => void) {
    this.#after = after;
  }

  /** @returns takes it back */
  after(delay: Millis, happen: () => void): () => void {
    const event = { due: this.now + Math.max(0, delay), happen };
    let place = this.#events.length;
    while (place > 0 && (this.#events[place - 1]?.due ?? 0) <= event.due) place--;
    this.#events.splice(place, 0, event);
    return () => {
      const at = this.#events.indexOf(event);
      if (at >= 0) this.#events.splice(at, 1);
    };
  }

  /** Lets time pass up to an instant. */
  async runUntil(end: Millis): Promise<void> {
    for (let event = this.#events.at(-1); event !== undefined && event.due <= end; event = this.#events.at(-1)) {
      this.#events.pop();
      this.now = event.due;
      event.happen();
      await settled();
      this.#after();
    }
    this.now = end;
  }
}

/** Resolves when every promise that can go on has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
