import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MasterKeySource, masterKeyPath } from '../master-key.ts';
import type { Database } from './database.ts';

/** The names of the files that a snapshot may consist of. */
export const SNAPSHOT_DATABASE = 'keyturn.db';
export const SNAPSHOT_MASTER_KEY = 'master.key';

/**
 * Copies the database as of one moment into a folder, while it goes on being used, and the master key where the data folder keeps it: without that key
 * the copy could not be opened.
 * @returns the names of the files
 */
export async function snapshotInto(folder: string, database: Database, source: MasterKeySource): Promise<string[]> {
  await database.copyTo(join(folder, SNAPSHOT_DATABASE));
  if (source.from === 'text') return [SNAPSHOT_DATABASE];
  copyFileSync(masterKeyPath(database.dataDir), join(folder, SNAPSHOT_MASTER_KEY));
  return [SNAPSHOT_DATABASE, SNAPSHOT_MASTER_KEY];
}
