import type { Instant } from '../core/time.ts';
import type { AuditEvent, Done, Journal } from '../ports/journal.ts';
import type { LeaseGrant } from '../ports/leases.ts';
import { UNCONFIRMED } from './spool.ts';

export interface SpoolingDeps {
  /** Writes the log that all replicas share. */
  readonly shared: Journal;
  /** Writes the spool of this one. */
  readonly spool: Pick<Journal, 'append'>;
  /** Hears of each answer whose grant will not be in the lease registry, before it leaves. */
  readonly bypassing: () => void;
}

/**
 * The journal of a replica that has a spool: what the shared log does not take is durable in the spool before the answer leaves. That holds for reads,
 * refusals, and what the service does by itself; a change waits for the shared log, which it needs anyway. Grants are not spooled.
 */
export class SpoolingJournal implements Journal {
  readonly #deps: SpoolingDeps;

  constructor(deps: SpoolingDeps) {
    this.#deps = deps;
  }

  /** Of the shared log: while it is false no change begins. */
  get healthy(): boolean {
    return this.#deps.shared.healthy;
  }

  append(event: AuditEvent, lease: LeaseGrant | null, done: Done): void {
    const { shared } = this.#deps;
    if (!shared.healthy) return void this.#spool(event, lease, done);
    shared.append(event, lease, (failure) => {
      if (failure === null) done(null);
      else this.#spool({ ...event, reason: event.reason === null ? UNCONFIRMED : `${UNCONFIRMED}; ${event.reason}` }, lease, done);
    });
  }

  appendChange(event: AuditEvent, changedAt: Instant | null, done: Done): void {
    this.#deps.shared.appendChange(event, changedAt, done);
  }

  probe(done: Done): void {
    this.#deps.shared.probe(done);
  }

  passOver(event: AuditEvent): void {
    this.#deps.shared.passOver(event);
  }

  #spool(event: AuditEvent, lease: LeaseGrant | null, done: Done): void {
    if (lease !== null) this.#deps.bypassing();
    this.#deps.spool.append(event, null, done);
  }
}
