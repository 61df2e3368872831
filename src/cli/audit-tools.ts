import type { Instant } from '../core/time.ts';
import type { AuditVerdict, Checkpoint } from '../ports/audit.ts';

/** A checkpoint as it was kept: with the public key that it is to be checked with. */
export interface KeptCheckpoint extends Checkpoint {
  readonly publicKey: string | null;
}

export interface Dropped {
  readonly from: number;
  readonly to: number;
}

/** Work on the audit log at the machine, without the service. */
export interface AuditTools {
  /** The log in a data folder or a copy of one; with its master key beside it, seals are checked too. @throws KeyturnError */
  verifyFolder(dataDir: string, known: KeptCheckpoint | null): Promise<AuditVerdict>;
  /** The log where the configuration keeps it; only read, whatever runs on it. @throws KeyturnError */
  verifyStore(known: KeptCheckpoint | null): Promise<AuditVerdict>;
  /** An exported segment. @throws KeyturnError */
  verifyFile(file: string, known: KeptCheckpoint | null): Promise<AuditVerdict>;
  /** Writes what is older to a file that must not exist; null = there is nothing. A service on a data folder must be stopped. @throws KeyturnError */
  exportUntil(until: Instant, file: string): Promise<Dropped | null>;
  /** Deletes from the log exactly what a verified segment holds. A service on a data folder must be stopped. @throws KeyturnError */
  dropExported(file: string): Promise<Dropped>;
}
