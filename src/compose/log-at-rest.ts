import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { headMac, sameBytes } from '../audit/chain.ts';
import type { AuditKeys } from '../audit/keys.ts';
import type { RecordedChange } from '../audit/ledger.ts';
import { encodeEvent } from '../audit/record.ts';
import type { Clock } from '../ports/clock.ts';
import type { AuditAction, AuditEvent } from '../ports/journal.ts';
import { prepareLeases } from '../stores/sqlite/audit/leases.ts';
import { sqliteLedgerReader } from '../stores/sqlite/audit/reader.ts';
import { auditPath, openAuditDatabase } from '../stores/sqlite/audit/schema.ts';
import { openAuditWriter } from '../stores/sqlite/audit/writer.ts';
import { LEASES_SCHEMA, leaseWriterIn } from '../stores/sqlite/leases.ts';
import { SNAPSHOT_AUDIT } from '../stores/sqlite/snapshot.ts';
import type { Sqlite } from '../stores/sqlite/sqlite.ts';
import { syncFolder } from '../stores/sync-folder.ts';
import { ownEvent } from './audit.ts';

/** The audit log of a data folder whose service is stopped, for what is done at the machine. Every method returns when the disk has it. */
export interface LogAtRest {
  /** @throws KeyturnError `store_full`, … */
  append(events: readonly AuditEvent[], changes?: readonly RecordedChange[]): void;
  note(action: AuditAction, reason: string): void;
  close(): void;
}

/** For whoever holds the lock of the data folder. @throws KeyturnError `corrupt_document` where the log's end is not what these keys sealed */
export function openLogAtRest(dataDir: string, keys: AuditKeys, clock: Pick<Clock, 'now'>): LogAtRest {
  const writer = openAuditWriter(auditPath(dataDir), keys, prepareLeases);
  const append = (events: readonly AuditEvent[], changes: readonly RecordedChange[] = []): void =>
    writer.commit({ texts: events.map(encodeEvent), leases: [], changes, at: clock.now() });
  return { append, note: (action, reason) => append([ownEvent(clock, action, reason)]), close: () => writer.close() };
}

/**
 * Gives the data folder the log of a backup where it has none; one that it has stays. The keys that open the log come with it, also where only the
 * folder's own database was lost. Can be run again after a crash.
 * @param folder holds the files of the backup
 * @returns the keys that the folder's log is to be opened with
 */
export function bringLog(target: Sqlite, backup: Sqlite, folder: string): AuditKeys {
  const path = auditPath(target.database.dataDir);
  const [own, theirs] = [target.auditKeys, backup.auditKeys];
  const given = join(folder, SNAPSHOT_AUDIT);
  if (!existsSync(path) && existsSync(given)) place(given, path, target.database.dataDir);
  if (!existsSync(path) || proves(own, path) || !proves(theirs, path)) return own;
  target.adoptAuditKeys(backup);
  return theirs;
}

/** What is left of a lost log would be taken for a part of the new one. */
function place(given: string, path: string, dataDir: string): void {
  for (const rest of ['-wal', '-shm']) rmSync(`${path}${rest}`, { force: true });
  renameSync(given, path);
  syncFolder(dataDir);
}

/** Whether these keys sealed the end of the log; of an empty one any keys did. */
function proves(keys: AuditKeys, path: string): boolean {
  const reader = sqliteLedgerReader(openAuditDatabase(path));
  try {
    const head = reader.head();
    return head === null || sameBytes(head.mac, headMac(keys.mac, head));
  } finally {
    reader.close();
  }
}

/** What was granted between a backup and its restore is not in the registry: time alone decides until those leases are over. */
export function markLeasesIncomplete(dataDir: string, clock: Pick<Clock, 'now'>): void {
  const database = openAuditDatabase(auditPath(dataDir));
  try {
    database.exec(LEASES_SCHEMA);
    leaseWriterIn(database).markIncomplete(clock.now());
  } finally {
    database.close();
  }
}
