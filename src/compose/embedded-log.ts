import type { AuditKeys } from '../audit/keys.ts';
import type { LedgerWriter } from '../audit/ledger.ts';
import type { Settings } from '../config/settings.ts';
import type { Clock } from '../ports/clock.ts';
import { prepareLeases } from '../stores/sqlite/audit/leases.ts';
import { sqliteLedgerReader } from '../stores/sqlite/audit/reader.ts';
import { auditPath, openAuditDatabase, openAuditForReading } from '../stores/sqlite/audit/schema.ts';
import { inlineLedger } from '../stores/sqlite/audit/threads.ts';
import type { LogPlace } from './audit.ts';
import { keepLeases } from './lease-registry.ts';

interface Kept {
  readonly auditKeys: AuditKeys;
  /** Default: this thread commits. */
  readonly ledger?: LedgerWriter;
  /** Whether the store holds no keyring yet. Default: it may. */
  readonly isFirstStart?: boolean;
}

/** The log and the leases in `audit.db` of the data folder. @throws KeyturnError what keeps it from being opened */
export function embeddedLog({ dataDir, audit }: Settings, { auditKeys, ledger, isFirstStart = false }: Kept, clock: Clock): LogPlace {
  const path = auditPath(dataDir);
  const writer = ledger ?? inlineLedger(path, auditKeys, prepareLeases);
  const reader = sqliteLedgerReader(openAuditForReading(path));
  const rows = openAuditDatabase(path);
  return {
    writer,
    reader,
    shared: false,
    leases: (settled) => keepLeases({ database: rows, clock, settled, seamless: audit.onOutage === 'refuse', isFirstStart }),
    async close() {
      rows.close();
      reader.close();
      await writer.close();
    },
  };
}
