import type { AuditKeys } from '../../../audit/keys.ts';
import type { LedgerWriter } from '../../../audit/ledger.ts';
import { ledgerOnThread } from '../../ledger-thread.ts';
import type { Database } from '../connect.ts';

/** As the thread gets it: a `Secret` would not survive the way. Both threads are one process. */
export interface ThreadData extends Omit<Database, 'url'> {
  readonly url: string;
  readonly schema: string;
  readonly keys: AuditKeys;
}

export interface ThreadedLog extends Database {
  readonly schema: string;
}

/** As `openPostgresLedger`, on a thread of its own with connections of its own (worker.ts). @throws KeyturnError as there */
export function threadedPostgresLedger({ url, caFile, schema }: ThreadedLog, keys: AuditKeys): Promise<LedgerWriter> {
  const data: ThreadData = { url: url.reveal(), caFile, schema, keys };
  return ledgerOnThread(new URL('./worker.ts', import.meta.url), data);
}
