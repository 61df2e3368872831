import type { Secret } from '../../core/secret.ts';
import { MINUTE, type Millis } from '../../core/time.ts';
import { readAddress } from './address.ts';
import { type ConnectionLimits, Connections } from './connections.ts';

/** Where a database is. */
export interface Database {
  /** As `readAddress` takes it. */
  readonly url: Secret;
  readonly caFile: string | null;
}

/** Nobody waits for an answer, a page may be long, and a trigger waits for the changes that are under way. */
const TIMEOUT: Millis = MINUTE;

/**
 * Connections for work at the machine, which is no service: its sessions have a name of their own.
 * @throws KeyturnError `invalid_config`
 */
export function connectForWork(database: Database, name: string): Promise<Connections> {
  return connectAs(database, name, { poolSize: 2, timeout: TIMEOUT });
}

/** @param name of the sessions. @throws KeyturnError `invalid_config` */
export async function connectAs({ url, caFile }: Database, name: string, limits: ConnectionLimits): Promise<Connections> {
  const { where, config } = readAddress(url, caFile);
  const { default: driver } = await import('pg');
  return new Connections(driver, { where, config: { ...config, application_name: name } }, limits);
}
