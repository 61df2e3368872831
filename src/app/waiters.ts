import type { KeyringName } from '../core/name.ts';
import type { Millis } from '../core/time.ts';
import type { Timers } from '../ports/clock.ts';

/** Requests that are held until a keyring changes. */
export class Waiters {
  readonly #timers: Timers;
  readonly #most: number;
  readonly #waiting = new Map<KeyringName, Set<() => void>>();
  #draining = false;
  #count = 0;
  #turnedAway = 0;

  /** @param most so many are held at the same time. Default: any number */
  constructor(timers: Timers, most = Number.POSITIVE_INFINITY) {
    this.#timers = timers;
    this.#most = most;
  }

  get count(): number {
    return this.#count;
  }

  /** How many were not held because so many were. */
  get turnedAway(): number {
    return this.#turnedAway;
  }

  /** Whether one more may be held. Who may not is answered at once: that renews its lease, and it comes again when its refresh is due. */
  admits(): boolean {
    if (this.#draining) return false;
    if (this.#count < this.#most) return true;
    this.#turnedAway++;
    return false;
  }

  /** True once the service is stopping: nobody waits any more. */
  get draining(): boolean {
    return this.#draining;
  }

  /** Resolves when the keyring changes, the time is over, the caller has gone, or the service drains; never rejects. */
  wait(name: KeyringName, delay: Millis, gone: AbortSignal): Promise<void> {
    if (this.#draining || gone.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const set = this.#waiting.get(name) ?? new Set();
      this.#waiting.set(name, set);
      const wake = (): void => {
        if (!set.delete(wake)) return;
        cancel();
        gone.removeEventListener('abort', wake);
        if (set.size === 0 && this.#waiting.get(name) === set) this.#waiting.delete(name);
        this.#count--;
        resolve();
      };
      const cancel = this.#timers.after(delay, wake);
      gone.addEventListener('abort', wake);
      set.add(wake);
      this.#count++;
    });
  }

  wake(name: KeyringName): void {
    for (const wake of [...(this.#waiting.get(name) ?? [])]) wake();
  }

  /** Lets everybody go and holds nobody from now on. */
  drain(): void {
    this.#draining = true;
    for (const name of [...this.#waiting.keys()]) this.wake(name);
  }
}
