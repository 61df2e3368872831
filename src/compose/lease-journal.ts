import { KeyturnError } from '../core/errors.ts';
import type { AuditEvent, Journal } from '../ports/journal.ts';
import type { LeaseGrant } from '../ports/leases.ts';
import type { Database } from '../stores/sqlite/database.ts';
import { LEASES_SCHEMA, leaseWriterIn } from '../stores/sqlite/leases.ts';

interface Entry {
  readonly lease: LeaseGrant;
  readonly done: (failure: Error | null) => void;
}

/** A journal that keeps leases and no records: it stands in until the audit log is composed. Grants of one turn share a commit. */
export class LeaseJournal implements Journal {
  readonly #database: Database;
  readonly #rows: ReturnType<typeof leaseWriterIn>;
  #pending: Entry[] = [];
  #healthy = true;

  constructor(database: Database) {
    database.exec(LEASES_SCHEMA);
    this.#database = database;
    this.#rows = leaseWriterIn(database);
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  append(_event: AuditEvent, lease: LeaseGrant | null, done: (failure: Error | null) => void): void {
    if (lease === null) done(null);
    else this.#add({ lease, done });
  }

  async flush(): Promise<void> {
    const entries = this.#pending.splice(0);
    if (entries.length === 0) return;
    const failure = this.#commit(entries.map(({ lease }) => lease));
    this.#healthy = failure === null;
    for (const { done } of entries) done(failure);
  }

  #add(entry: Entry): void {
    this.#pending.push(entry);
    if (this.#pending.length === 1) setImmediate(() => void this.flush());
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
