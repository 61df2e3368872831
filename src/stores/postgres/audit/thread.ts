import type { AuditKeys } from '../../../audit/keys.ts';
import type { LedgerWriter } from '../../../audit/ledger.ts';
import type { Millis } from '../../../core/time.ts';
import { ledgerOnThread } from '../../ledger-thread.ts';
import type { Database } from '../connect.ts';
import { CALL_LIMIT } from '../connections.ts';

/** As the thread gets it: a `Secret` would not survive the way. Both threads are one process. */
export interface ThreadData {
  readonly url: string;
  readonly caFile: string | null;
  readonly schema: string;
  readonly timeout: Millis;
  readonly keys: AuditKeys;
}

export interface ThreadedLog extends Database {
  readonly schema: string;
  /** How long a call may take. Default: 5 s. */
  readonly timeout?: Millis;
}

/** As `openPostgresLedger`, on a thread of its own with connections of its own (worker.ts). @throws KeyturnError as there */
export function threadedPostgresLedger(log: ThreadedLog, keys: AuditKeys): Promise<LedgerWriter> {
  const { url, caFile, schema, timeout = CALL_LIMIT } = log;
  const data: ThreadData = { url: url.reveal(), caFile, schema, timeout, keys };
  return ledgerOnThread(new URL('./worker.ts', import.meta.url), data);
}
