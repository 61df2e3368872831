import { type Lease, leaseLeft, type Moment, type Snapshot } from '../../clients/node/src/index.ts';
import type { Millis } from '../core/time.ts';

/**
 * What a program holds, and until when it may. The lease is that of the last answer which said that these keys are still right: an
 * answer with other keys does not renew it.
 */
export class InUse {
  #snapshot: Snapshot | null = null;
  #lease: Lease | null = null;
  #length: Millis = 0;

  get snapshot(): Snapshot | null {
    return this.#snapshot;
  }

  /** Of the lease when it was granted. */
  get leaseLength(): Millis {
    return this.#length;
  }

  /** The program has these keys from now on. */
  take(snapshot: Snapshot, lease: Lease, now: Moment): void {
    this.#snapshot = snapshot;
    this.#lease = lease;
    this.#length = Math.max(0, leaseLeft(lease, now));
  }

  /** The service has answered; it renews the lease if its keys are these. */
  answered(fresh: Snapshot, lease: Lease, now: Moment): void {
    if (fresh === this.#snapshot && lease !== this.#lease) this.take(fresh, lease, now);
  }

  left(now: Moment): Millis {
    return this.#lease === null ? 0 : leaseLeft(this.#lease, now);
  }

  drop(): void {
    this.#snapshot = null;
    this.#lease = null;
  }
}
