import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AuditKeys } from '../../../audit/keys.ts';
import type { LedgerWriter } from '../../../audit/ledger.ts';
import { ledgerOnThread } from '../../ledger-thread.ts';
import { type AuditDatabase, openAuditWriter, type PrepareLeases } from './writer.ts';

/** Commits on this very thread, which waits for the disk: for tests, tools, and where nothing else runs. A drop has cleared all when it resolves. */
export function inlineLedger(path: string, keys: AuditKeys, prepareLeases: PrepareLeases): LedgerWriter {
  const database = openAuditWriter(path, keys, prepareLeases);
  return {
    ...waitingLedger(database),
    async drop(anchor) {
      database.drop(anchor);
      while (database.clear()) await nextTurn();
    },
  };
}

/** Commits on a thread of its own (worker.ts). @throws KeyturnError what keeps the log from being opened (as a rejection) */
export function threadedLedger(path: string, keys: AuditKeys): Promise<LedgerWriter> {
  return ledgerOnThread(new URL('./worker.ts', import.meta.url), { path, keys });
}

/** Waits for the disk, wherever it runs. What was dropped is cleared piece by piece: commits come between. */
export function waitingLedger(database: AuditDatabase): LedgerWriter {
  let closed = false;
  async function clear(): Promise<void> {
    while (!closed && database.clear()) await nextTurn();
  }
  return {
    commit(batch, done) {
      let failure: Error | null = null;
      try {
        database.commit(batch);
      } catch (error) {
        failure = error instanceof Error ? error : new Error('The commit failed', { cause: error });
      }
      done(failure);
    },
    checkpoint: async (at) => database.checkpoint(at),
    async drop(anchor) {
      database.drop(anchor);
      // after a failure the next start goes on
      clear().catch(() => undefined);
    },
    async close() {
      closed = true;
      database.close();
    },
  };
}
