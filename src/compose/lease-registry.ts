import { POLICY_BOUNDS } from '../core/policy.ts';
import { type Instant, type Millis, SECOND } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import { KEPT_AFTER_END, type LeaseRegistry } from '../ports/leases.ts';
import type { Database } from '../stores/sqlite/database.ts';
import { LEASES_SCHEMA, leasesIn } from '../stores/sqlite/leases.ts';

export interface LeaseRegistryDeps {
  /** The database that the journal writes, over any connection that may write: what is written here is rare. */
  readonly database: Database;
  readonly clock: Pick<Clock, 'now'>;
  /** Resolves when every grant that was handed to the journal before the call is durable, or has failed. */
  readonly settled: () => Promise<void>;
  /** False where the service may give out keys without recording the grant. */
  readonly seamless: boolean;
  /** There is no keyring yet, so nothing was granted before: no clock has to be allowed for. */
  readonly isFirstStart: boolean;
}

/** The largest skew that a policy can have. */
const LARGEST_SKEW: Millis = POLICY_BOUNDS.skewSeconds[1] * SECOND;

/** The registry of this process and what keeps it true. */
export interface KeptRegistry {
  readonly registry: LeaseRegistry;
  /** Once a minute. */
  beat(): void | Promise<void>;
  /** Once an hour. */
  tidy(): void | Promise<void>;
  /** Answers left without a record until now. Before they leave. */
  markIncomplete(): void;
  /** After the last grant. */
  close(): void | Promise<void>;
}

/** Opens the registry for this process, before its first grant. */
export function keepLeases({ database, clock, settled, seamless, isFirstStart }: LeaseRegistryDeps): KeptRegistry {
  database.exec(LEASES_SCHEMA);
  const rows = leasesIn(database);
  const now = clock.now();
  rows.open(now, seamless, isFirstStart ? now - LARGEST_SKEW : now);
  let bypassedAt: Instant | null = null;
  return {
    registry: {
      // What could not be written is true all the same.
      completeSince: () => Math.max(rows.completeSince(), bypassedAt === null ? 0 : bypassedAt + 1),
      async live(keyring, at, options) {
        await settled();
        return rows.live(keyring, at, options);
      },
      page: (keyring, after, limit, options) => rows.page(keyring, after, limit, options),
    },
    beat: () => rows.beat(clock.now()),
    tidy: () => void rows.removeEnded(clock.now() - KEPT_AFTER_END),
    markIncomplete() {
      bypassedAt = Math.max(bypassedAt ?? 0, clock.now());
    },
    close() {
      if (bypassedAt !== null) rows.markIncomplete(bypassedAt);
      rows.close(clock.now());
    },
  };
}
