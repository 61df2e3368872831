import { randomBytes } from 'node:crypto';
import { systemTimers } from '../../src/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { openPostgres, type Postgres, type PostgresOptions } from '../../src/stores/postgres/postgres.ts';
import type { TestPostgres } from './postgres.ts';
import { storeClock, storeRandom } from './sqlite.ts';

/** What of a tap test this needs. */
interface Teardown {
  teardown(action: () => unknown): void;
}

export const MASTER_KEY = new Secret('5a'.repeat(32));

/** A schema that nobody has used. */
export const freshSchema = (): string => `t_${randomBytes(6).toString('hex')}`;

/** A handle on a schema of a test's server, closed after the test. Name a `schema` twice for two replicas. */
export async function openTestPostgres(t: Teardown, server: TestPostgres, options: Partial<PostgresOptions> = {}): Promise<Postgres> {
  const url = new Secret(server.url());
  const defaults = { url, schema: freshSchema(), poolSize: 4, caFile: null, masterKey: MASTER_KEY };
  const postgres = await openPostgres({ ...defaults, clock: storeClock, timers: systemTimers, random: storeRandom, ...options });
  t.teardown(() => postgres.close());
  return postgres;
}
