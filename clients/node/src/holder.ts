import type { Clock, Timers } from './clock.ts';
import { type Lease, leaseLeft, momentOf } from './lease.ts';
import type { Snapshot } from './snapshot.ts';

/** The keys of the last answer and what it granted. */
export interface Held {
  readonly snapshot: Snapshot;
  readonly etag: string;
  readonly lease: Lease;
  readonly refreshSeconds: number;
  readonly source: 'service' | 'cache';
}

/** Hears of new keys; of null when the lease has ended and no key may be used any more. */
export type ChangeListener = (snapshot: Snapshot | null) => void;

interface Hooks {
  readonly leaseEnded: () => void;
  /** A listener threw. */
  readonly listenerFailed: (error: unknown) => void;
}

/** Holds one snapshot for as long as its lease lasts. */
export class Holder {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #hooks: Hooks;
  readonly #listeners = new Set<ChangeListener>();
  #held: Held | null = null;
  #told: Snapshot | null = null;
  #cancel: () => void = () => {};

  constructor(clock: Clock, timers: Timers, hooks: Hooks) {
    this.#clock = clock;
    this.#timers = timers;
    this.#hooks = hooks;
  }

  /** What was answered last, even where its lease has ended: a 304 may renew it. */
  get held(): Held | null {
    return this.#held;
  }

  /** Null where there are no keys or their lease has ended. */
  usable(): Snapshot | null {
    const held = this.#held;
    if (held === null || this.#clock.uptime() >= held.lease.uptime || this.#clock.now() >= held.lease.wall) return null;
    return held.snapshot;
  }

  /** Takes an answer, or the renewal of the one at hand. */
  hold(held: Held): void {
    this.#held = held;
    this.#watchLease();
    this.#tell(this.usable());
  }

  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#cancel();
    this.#held = null;
    this.#tell(null);
    this.#listeners.clear();
  }

  /** A timer may fire early or late against the wall clock, so it only looks again. */
  #watchLease(): void {
    this.#cancel();
    if (this.#held === null) return;
    const left = leaseLeft(this.#held.lease, momentOf(this.#clock));
    if (left > 0) {
      this.#cancel = this.#timers.after(Math.ceil(left), () => this.#watchLease());
    } else if (this.#told !== null) {
      this.#tell(null);
      this.#hooks.leaseEnded();
    }
  }

  #tell(snapshot: Snapshot | null): void {
    if (snapshot === this.#told) return;
    this.#told = snapshot;
    for (const listener of [...this.#listeners]) {
      try {
        listener(snapshot);
      } catch (error) {
        this.#hooks.listenerFailed(error);
      }
    }
  }
}
