import { KeyturnError } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { AuditEvent, Journal } from '../ports/journal.ts';
import { KEPT_AFTER_END, type LeaseGrant, type LeaseRegistry } from '../ports/leases.ts';
import type { Database } from '../stores/sqlite/database.ts';
import { LEASES_SCHEMA, leasesIn } from '../stores/sqlite/leases.ts';

interface Entry {
  readonly lease: LeaseGrant;
  readonly done: (failure: Error | null) => void;
}

/** A journal that keeps leases and no records: it stands in until the audit log is composed. Grants of one turn share a commit. */
export class LeaseJournal implements Journal {
  readonly registry: LeaseRegistry;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #rows: ReturnType<typeof leasesIn>;
  #pending: Entry[] = [];
  #healthy = true;
  #closed = false;

  constructor(database: Database, clock: Clock) {
    database.exec(LEASES_SCHEMA);
    this.#database = database;
    this.#clock = clock;
    const rows = leasesIn(database);
    this.#rows = rows;
    rows.open(clock.now(), true);
    this.registry = {
      completeSince: () => rows.completeSince(),
      live: async (keyring, at, options) => {
        this.#flush();
        return rows.live(keyring, at, options);
      },
      page: (keyring, after, limit, options) => rows.page(keyring, after, limit, options),
    };
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  append(_event: AuditEvent, lease: LeaseGrant | null, done: (failure: Error | null) => void): void {
    if (lease === null) done(null);
    else this.#add({ lease, done });
  }

  #add(entry: Entry): void {
    this.#pending.push(entry);
    if (this.#pending.length === 1) setImmediate(() => this.#flush());
  }

  beat(): void {
    this.#rows.beat(this.#clock.now());
  }

  tidy(): void {
    this.#rows.removeEnded(this.#clock.now() - KEPT_AFTER_END);
  }

  /** Harmless a second time. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#flush();
    this.#rows.close(this.#clock.now());
  }

  #flush(): void {
    const entries = this.#pending.splice(0);
    if (entries.length === 0) return;
    const failure = this.#commit(entries.map(({ lease }) => lease));
    this.#healthy = failure === null;
    for (const { done } of entries) done(failure);
  }

  #commit(grants: readonly LeaseGrant[]): Error | null {
    try {
      this.#database.transaction(() => this.#rows.record(grants));
      return null;
    } catch (cause) {
      return new KeyturnError('store_unavailable', 'The lease cannot be recorded, so no keys are given out. Look at the disk.', { cause });
    }
  }
}

/** The journal, with somebody listening to the grants. */
export function heardBy(journal: Journal, listener: (grant: LeaseGrant) => void): Journal {
  return {
    get healthy() {
      return journal.healthy;
    },
    append(event, lease, done) {
      journal.append(event, lease, done);
      if (lease !== null) listener(lease);
    },
  };
}
