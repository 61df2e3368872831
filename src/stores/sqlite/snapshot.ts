import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { type MasterKeySource, masterKeyPath } from '../master-key.ts';
import { auditPath, openAuditForReading } from './audit/schema.ts';
import type { Database } from './database.ts';

/** The names of the files that a snapshot may consist of. */
export const SNAPSHOT_DATABASE = 'keyturn.db';
export const SNAPSHOT_AUDIT = 'audit.db';
export const SNAPSHOT_MASTER_KEY = 'master.key';

/** All at once: the audit log is written by another connection all the time, and a copy in steps would never end. */
const EVERY_PAGE = 0x7fff_ffff;

/**
 * Copies the database as of one moment into a folder, while it goes on being used; then the audit log, which so knows of every change in the copy; and
 * the master key where the data folder keeps it: without that key the copy could not be opened, nor the log's seals be checked.
 * @returns the names of the files
 */
export async function snapshotInto(folder: string, database: Database, source: MasterKeySource): Promise<string[]> {
  const names = [SNAPSHOT_DATABASE];
  await database.copyTo(join(folder, SNAPSHOT_DATABASE));
  if (existsSync(auditPath(database.dataDir))) {
    await copyLog(database.dataDir, join(folder, SNAPSHOT_AUDIT));
    names.push(SNAPSHOT_AUDIT);
  }
  if (source.from === 'text') return names;
  copyFileSync(masterKeyPath(database.dataDir), join(folder, SNAPSHOT_MASTER_KEY));
  return [...names, SNAPSHOT_MASTER_KEY];
}

async function copyLog(dataDir: string, path: string): Promise<void> {
  const log = openAuditForReading(auditPath(dataDir));
  try {
    await log.copyTo(path, EVERY_PAGE);
  } finally {
    log.close();
  }
}
