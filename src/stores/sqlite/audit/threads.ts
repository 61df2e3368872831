import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { AuditKeys } from '../../../audit/keys.ts';
import type { Batch, LedgerWriter } from '../../../audit/ledger.ts';
import { KeyturnError } from '../../../core/errors.ts';
import type { Checkpoint } from '../../../ports/audit.ts';
import { failureFrom, type Reply, type Task } from './messages.ts';
import { openAuditWriter, type PrepareLeases } from './writer.ts';

/** Commits on this very thread, which waits for the disk: for tests, tools, and where nothing else runs. */
export function inlineLedger(path: string, keys: AuditKeys, prepareLeases: PrepareLeases): LedgerWriter {
  const database = openAuditWriter(path, keys, prepareLeases);
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
      while (database.clear()) await nextTurn();
    },
    close: async () => database.close(),
  };
}

/**
 * Commits on a thread of its own: while it waits for the disk, this thread gathers the next batch. Measured against `inlineLedger` in
 * docs/decisions/0009-quick-way-for-keys.md.
 * @throws KeyturnError what keeps the log from being opened (as a rejection)
 */
export async function threadedLedger(path: string, keys: AuditKeys): Promise<LedgerWriter> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { path, keys }, execArgv: [] });
  const waiting: ((reply: Reply) => void)[] = [];
  const failAll = (error: unknown): void => {
    const message = error instanceof Error ? error.message : 'it ended';
    for (const take of waiting.splice(0))
      take({ ok: false, failure: { code: 'internal', message: `The audit thread failed: ${message}` } });
  };
  let ended = false;
  worker.on('message', (reply: Reply) => waiting.shift()?.(reply));
  worker.on('error', failAll);
  worker.on('exit', () => {
    ended = true;
    failAll(new Error('it ended'));
  });

  function ask(task: Task, take: (reply: Reply) => void): void {
    if (ended) return void take({ ok: false, failure: { code: 'audit_unavailable', message: 'The audit thread has ended.' } });
    waiting.push(take);
    worker.postMessage(task);
  }
  const promised = (task: Task): Promise<Checkpoint | null> =>
    new Promise((resolve, reject) => {
      ask(task, (reply) => (reply.ok ? resolve(reply.checkpoint ?? null) : reject(failureFrom(reply.failure))));
    });

  let closing = false;
  /** One piece a message: commits that were sent meanwhile come between. After a failure the next start goes on. */
  const clear = (): void => {
    if (!closing) ask({ do: 'clear' }, (reply) => void (reply.ok && reply.more === true && clear()));
  };

  await promised({ do: 'open' }).catch(async (error: unknown) => {
    await worker.terminate();
    throw error;
  });
  return {
    commit: ({ texts, ...rest }: Batch, done) =>
      // one long text crosses threads much faster than many short ones; no record holds a line feed
      ask({ do: 'commit', batch: { ...rest, lines: texts.join('\n') } }, (reply) => done(reply.ok ? null : failureFrom(reply.failure))),
    async checkpoint(at) {
      const made = await promised({ do: 'checkpoint', at });
      if (made !== null) return made;
      throw new KeyturnError('internal', 'The audit thread made no checkpoint.');
    },
    async drop(anchor) {
      await promised({ do: 'drop', anchor });
      clear();
    },
    async close() {
      closing = true;
      if (!ended) await promised({ do: 'close' });
      await worker.terminate();
    },
  };
}
