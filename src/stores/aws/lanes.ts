/** Lets one call at a time pass for each key, in the order of arrival. */
export class Lanes {
  readonly #ends = new Map<string, Promise<void>>();

  /** @param givenUp ends the wait: the call is then neither made nor in the way */
  async pass<Result>(key: string, call: () => Promise<Result>, givenUp: AbortSignal | undefined): Promise<Result> {
    const before = this.#ends.get(key) ?? Promise.resolve();
    const { promise: end, resolve } = Promise.withResolvers<void>();
    this.#ends.set(key, end);
    try {
      if (givenUp?.aborted !== true) await Promise.race([before, aborted(givenUp)]);
      return await call();
    } finally {
      void before.then(resolve);
      if (this.#ends.get(key) === end) void end.then(() => this.#ends.get(key) === end && this.#ends.delete(key));
    }
  }
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
}
