import { KeyturnError } from '../../core/errors.ts';
import { type Millis, SECOND } from '../../core/time.ts';
import type { Clock, Timers } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { CallOptions } from '../../ports/store.ts';
import { type Failure, failureOf, isRefusedWrite } from './errors.ts';

export interface CallsDeps {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** How long one attempt may take. */
  readonly timeout: Millis;
}

/** Attempts of one call, the first one too. */
const ATTEMPTS = 6;
const FIRST_WAIT: Millis = 100;
const LONGEST_WAIT: Millis = 5 * SECOND;
/** No call goes on longer than this, whatever the answers ask us to wait. */
const LONGEST_CALL: Millis = 20 * SECOND;

/**
 * Sends calls, each again after throttling, outages and lost answers: a few times, after random waits (full jitter), while the caller wants it.
 * Every call of this store may be sent twice: what it writes carries an id of its own.
 */
export class Calls {
  readonly #deps: CallsDeps;
  #closed = false;
  #refusedWrite: KeyturnError | null = null;

  constructor(deps: CallsDeps) {
    this.#deps = deps;
  }

  /** Why AWS refused the last write, where no write succeeded since. */
  get refusedWrite(): KeyturnError | null {
    return this.#refusedWrite;
  }

  close(): void {
    this.#closed = true;
  }

  /** @throws KeyturnError */
  async send<Result>(action: string, options: CallOptions | undefined, attempt: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const end = this.#deps.clock.uptime() + LONGEST_CALL;
    for (let attempts = 1; ; attempts++) {
      this.#refuseGivenUp(options);
      try {
        return await attempt(this.#limited(options));
      } catch (thrown) {
        this.#refuseGivenUp(options);
        const failure = failureOf(thrown, action);
        const wait = this.#waitOf(failure, attempts);
        if (!failure.again || attempts >= ATTEMPTS || this.#deps.clock.uptime() + wait > end) throw this.#remembered(failure.error);
        await this.pause(wait, options);
      }
    }
  }

  /** A write that succeeded: whatever refused one before is over. */
  wrote(): void {
    this.#refusedWrite = null;
  }

  /** @throws KeyturnError `store_unavailable` when the caller gives the call up meanwhile */
  async pause(wait: Millis, options: CallOptions | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#deps.timers.after(wait, resolve);
    options?.signal?.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    cancel();
    this.#refuseGivenUp(options);
  }

  #limited({ signal }: CallOptions = {}): AbortSignal {
    const limit = AbortSignal.timeout(this.#deps.timeout);
    return signal === undefined ? limit : AbortSignal.any([signal, limit]);
  }

  #waitOf({ wait }: Failure, attempts: number): Millis {
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempts);
    const fraction = this.#deps.random.bytes(4).readUInt32BE() / 2 ** 32;
    return (wait ?? 0) + Math.floor(fraction * longest);
  }

  #remembered(error: KeyturnError): KeyturnError {
    if (isRefusedWrite(error)) this.#refusedWrite = error;
    return error;
  }

  #refuseGivenUp(options: CallOptions | undefined): void {
    if (this.#closed) throw new KeyturnError('store_unavailable', 'The store is closed: the service is stopping.');
    if (options?.signal?.aborted !== true) return;
    throw new KeyturnError('store_unavailable', 'The call to the store was given up.', { cause: options.signal.reason });
  }
}
