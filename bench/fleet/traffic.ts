import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, Pace } from './browser.ts';

/** Requests under way at one time: more would only queue at the workers, whose cores the conductor shares. */
const HANDS = 16;

/** Lets browsers live, each at its own pace, until it is stopped. */
export class Traffic {
  readonly #browsers: readonly Browser[];
  readonly #random: () => number;
  readonly #stopped = new AbortController();
  readonly #waiting: (() => void)[] = [];
  #free = HANDS;
  #lives: Promise<unknown> = Promise.resolve();

  constructor(browsers: readonly Browser[], random: () => number) {
    this.#browsers = browsers;
    this.#random = random;
  }

  start(): void {
    this.#lives = Promise.all(this.#browsers.map((browser) => this.#live(browser)));
  }

  /** No more requests; those under way are waited for. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#lives;
  }

  async #live(browser: Browser): Promise<void> {
    const { signal } = this.#stopped;
    await this.#rest([0, 2_000]);
    while (!signal.aborted) {
      await this.#inTurn(() => browser.step());
      await this.#rest(browser.pace);
    }
  }

  async #inTurn(act: () => Promise<void>): Promise<void> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free--;
    try {
      if (!this.#stopped.signal.aborted) await act();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  async #rest([least, most]: Pace): Promise<void> {
    const time = least + this.#random() * (most - least);
    await pause(time, undefined, { signal: this.#stopped.signal }).catch(() => {});
  }
}
