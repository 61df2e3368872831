import type { Instant } from '../core/time.ts';
import type { AuditVerdict, Checkpoint, RecordRange } from '../ports/audit.ts';

/** A checkpoint as it was kept: with the public key that it is to be checked with. */
export interface KeptCheckpoint extends Checkpoint {
  readonly publicKey: string | null;
}

/** What an exported file shows to whoever is to drop what it holds. */
export interface ExportClaim {
  /** Its first record. */
  readonly from: number;
  /** Of its last record. */
  readonly checkpoint: Checkpoint;
}

/** Work on the audit log at the machine, without the service. */
export interface AuditTools {
  /** The log in a data folder or a copy of one; with its master key beside it, seals are checked too. @throws KeyturnError */
  verifyFolder(dataDir: string, known: KeptCheckpoint | null): Promise<AuditVerdict>;
  /** The log where the configuration keeps it; nothing is written, so a standby or a restored dump will do. @throws KeyturnError */
  verifyStore(known: KeptCheckpoint | null): Promise<AuditVerdict>;
  /** An exported segment. @throws KeyturnError */
  verifyFile(file: string, known: KeptCheckpoint | null): Promise<AuditVerdict>;
  /** Of an exported segment that is whole and whose records belong together; whose log it is, the log itself tells. @throws KeyturnError `export_mismatch` */
  claimOf(file: string): Promise<ExportClaim>;
  /** Where the log of the configuration is, in words; null where there is none to be found. */
  restingLog(): string | null;
  /** Writes what is older to a file that must not exist; null = there is nothing. @throws KeyturnError `store_locked` while a service runs on the folder */
  exportUntil(until: Instant, file: string): Promise<RecordRange | null>;
  /** Deletes from the log exactly what a verified segment holds. @throws KeyturnError `store_locked` while a service runs on the folder */
  dropExported(file: string): Promise<RecordRange>;
}
