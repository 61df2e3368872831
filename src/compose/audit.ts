import type { Logger } from 'pino';
import { GroupJournal } from '../audit/journal.ts';
import type { AuditKeys } from '../audit/keys.ts';
import type { LedgerReader, LedgerWriter } from '../audit/ledger.ts';
import { codeOf } from '../core/errors.ts';
import { Refusals } from '../http/recording/refusals.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { AuditAction, AuditEvent } from '../ports/journal.ts';
import { prepareLeases } from '../stores/sqlite/audit/leases.ts';
import { sqliteLedgerReader } from '../stores/sqlite/audit/reader.ts';
import { auditPath, openAuditForReading } from '../stores/sqlite/audit/schema.ts';
import { inlineLedger } from '../stores/sqlite/audit/threads.ts';

export interface AuditOptions {
  readonly dataDir: string;
  readonly keys: AuditKeys;
  /** Null: commits on this thread. */
  readonly writer: LedgerWriter | null;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

/** The audit log of a running service. */
export interface Audit {
  readonly journal: GroupJournal;
  readonly reader: LedgerReader;
  readonly refusals: Refusals;
  /** Something the service does by itself. */
  note(action: AuditAction, reason: string | null): void;
  /** Records what refusals were only counted. */
  tellRefusals(): Promise<void>;
  /** Writes what is pending and closes the log. */
  close(): Promise<void>;
}

/** @throws KeyturnError what keeps the log from being opened */
export function openAudit({ dataDir, keys, writer: given, clock, timers, logger }: AuditOptions): Audit {
  const path = auditPath(dataDir);
  const writer = given ?? inlineLedger(path, keys, prepareLeases);
  const reader = sqliteLedgerReader(openAuditForReading(path));
  const report = (failure: Error | null): void => {
    if (failure === null) logger.info('audit log is written again');
    else logger.error({ code: codeOf(failure), err: failure }, 'audit log cannot be written');
  };
  const journal = new GroupJournal({ writer, clock, timers, report });
  const refusals = new Refusals();
  return {
    journal,
    reader,
    refusals,
    note: (action, reason) => journal.append(ownEvent(clock, action, reason), null, () => undefined),
    async tellRefusals() {
      for (const event of refusals.take(clock.now())) journal.append(event, null, () => undefined);
    },
    async close() {
      await journal.flush();
      journal.stop();
      reader.close();
      await writer.close();
    },
  };
}

function ownEvent(clock: Clock, action: AuditAction, reason: string | null): AuditEvent {
  return {
    at: clock.now(),
    action,
    outcome: 'done',
    code: null,
    principal: null,
    keyring: null,
    versions: [],
    instance: null,
    address: null,
    requestId: null,
    reason,
  };
}
