import { DatabaseSync } from 'node:sqlite';
import { KeyturnError } from '../../src/core/errors.ts';
import type { RegistryReach } from '../../src/core/fleet.ts';
import type { ChangeId } from '../../src/core/keyring.ts';
import { type Instant, MINUTE } from '../../src/core/time.ts';
import type { LeaseGrant, LeaseRegistry } from '../../src/ports/leases.ts';
import { Database } from '../../src/stores/sqlite/database.ts';
import { LEASES_SCHEMA, leasesIn } from '../../src/stores/sqlite/leases.ts';
import type { Line } from './line.ts';

/** The lease registry of the embedded store, in memory. It outlives processes. */
export class Register {
  readonly #database = new Database(':memory:', new DatabaseSync(':memory:'));
  readonly rows: ReturnType<typeof leasesIn>;
  /** The newest document that it has been told of, by its place in the store's history. */
  newest = 0;

  constructor() {
    this.#database.exec(LEASES_SCHEMA);
    this.rows = leasesIn(this.#database);
  }

  /** Before the first grant of a schedule. */
  begin(now: Instant): void {
    this.#database.exec('DELETE FROM leases; DELETE FROM lease_registry');
    this.newest = 0;
    // As composed: there is no keyring yet, so nothing was granted before.
    this.rows.open(now, true, now - 10 * MINUTE);
  }

  /** All entries are gone, as when the disk was. @param noticed null = it does not know */
  lose(noticed: Instant | null): void {
    this.#database.exec('DELETE FROM leases');
    if (noticed !== null) this.rows.markIncomplete(noticed);
  }
}

/** How replicas keep their leases. `shared`: in one registry with the fence of docs/decisions/0039, which the service cannot have yet. */
export type Sharing = RegistryReach | 'shared';

/** A process's access to the registry that it writes to. */
export interface Desk {
  readonly reach: RegistryReach;
  readonly registry: LeaseRegistry;
  /** Resolves when the grant is durable. @throws KeyturnError `store_unavailable` where the answer may not leave */
  record(grant: LeaseGrant): Promise<void>;
}

/** Of a process that alone writes to it: the journal is in the process, and a grant is in it at once. */
export function ownDesk(reach: 'own' | 'none', { rows }: Register): Desk {
  return { reach, registry: rows, record: async (grant) => rows.record([grant]) };
}

export interface SharedDeps {
  readonly register: Register;
  readonly line: Line;
  /** The place of a document in the store's history; 0 = none. */
  readonly placeOf: (change: ChangeId) => number;
  /** The document of the copy at hand: the registry is told of it with every question. */
  readonly atHand: () => ChangeId | null;
  /** Whether the registry refuses grants on a document older than one that it has seen. */
  readonly isFenced: boolean;
}

/** Of one replica among several: grants travel there, and those on an older document than the newest seen are refused. To the code it is as good as its own. */
export function sharedDesk({ register, line, placeOf, atHand, isFenced }: SharedDeps): Desk {
  const see = (change: ChangeId | null): number => {
    const place = change === null ? 0 : placeOf(change);
    register.newest = Math.max(register.newest, place);
    return place;
  };
  return {
    reach: 'own',
    registry: {
      completeSince: () => register.rows.completeSince(),
      live(keyring, at) {
        const change = atHand();
        return line
          .call('live', () => {
            see(change);
            return register.rows.live(keyring, at);
          })
          .then((leases) => leases);
      },
      page: (...asked) => register.rows.page(...asked),
    },
    record: (grant) =>
      line.call('record', () => {
        if (see(grant.offered.changeId) < register.newest && isFenced) throw behind();
        register.rows.record([grant]);
      }),
  };
}

function behind(): KeyturnError {
  return new KeyturnError('store_unavailable', 'This replica is behind another one; ask again (simulated).', { retryAfterSeconds: 1 });
}
