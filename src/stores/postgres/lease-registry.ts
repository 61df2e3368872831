import { type Instant, MINUTE, type Millis } from '../../core/time.ts';
import type { Clock } from '../../ports/clock.ts';
import { KEPT_AFTER_END, type LeaseRegistry } from '../../ports/leases.ts';
import type { Connections } from './connections.ts';
import { leaseReaderIn } from './leases.ts';
import { numberOf } from './row.ts';

/** After a longer silence of all replicas the tables may be a copy of their past: what was granted meanwhile is unknown. */
const LONGEST_ABSENCE: Millis = 10 * MINUTE;

export interface RegistryDeps {
  readonly connections: Connections;
  /** Quoted. */
  readonly schema: string;
  readonly clock: Pick<Clock, 'now'>;
}

/** The registry that all replicas share, and what this one does to keep it true. */
export interface SharedRegistry {
  /** @param settled resolves when every grant that was handed to this replica's journal before is durable, or has failed */
  registry(settled: () => Promise<void>): LeaseRegistry;
  /** Once a minute. */
  beat(): Promise<void>;
  /** Once an hour. */
  tidy(): Promise<void>;
  /** Answers of this replica left without a record until now. The others learn of it at the next beat. */
  markIncomplete(): void;
  close(): Promise<void>;
}

/** Opens it for this replica, before its first grant. */
export async function openSharedRegistry({ connections, schema, clock }: RegistryDeps): Promise<SharedRegistry> {
  const open = `
    INSERT INTO ${schema}.lease_registry AS r VALUES (1, $1, $1)
    ON CONFLICT (id) DO UPDATE SET alive_at = greatest(r.alive_at, $1),
      complete_since = CASE WHEN $1 - r.alive_at > $2 THEN greatest(r.complete_since, $1) ELSE r.complete_since END
    RETURNING complete_since`;
  const beat = `
    UPDATE ${schema}.lease_registry SET alive_at = greatest(alive_at, $1), complete_since = greatest(complete_since, $2)
    RETURNING complete_since`;
  const tidy = `DELETE FROM ${schema}.leases WHERE until < $1`;
  const rows = leaseReaderIn(connections, schema);
  let bypassedAt: Instant | null = null;
  let known = await sinceIn(open, [clock.now(), LONGEST_ABSENCE]);

  async function sinceIn(sql: string, values: readonly unknown[]): Promise<Instant> {
    const [row] = await connections.query(sql, values);
    return numberOf(row ?? {}, 'complete_since');
  }

  async function tell(): Promise<void> {
    known = await sinceIn(beat, [clock.now(), bypassedAt === null ? 0 : bypassedAt + 1]);
  }

  return {
    registry: (settled) => ({
      completeSince: () => Math.max(known, bypassedAt === null ? 0 : bypassedAt + 1),
      async live(keyring, at, options) {
        await settled();
        return rows.live(keyring, at, options);
      },
      page: rows.page,
    }),
    beat: tell,
    tidy: async () => void (await connections.query(tidy, [clock.now() - KEPT_AFTER_END])),
    markIncomplete() {
      bypassedAt = Math.max(bypassedAt ?? 0, clock.now());
    },
    // nothing depends on it: early activation is not for shared stores, and the others see what they need in the leases
    close: () => tell().catch(() => undefined),
  };
}
