import { Worker } from 'node:worker_threads';
import type { Batch, LedgerWriter } from '../audit/ledger.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Checkpoint } from '../ports/audit.ts';
import { type Asked, failureFrom, type Outcome, type Reply, type Task } from './ledger-messages.ts';

/**
 * A ledger whose writer works on a thread of its own: it seals and commits there, while this thread answers and gathers the next batch. Measured in
 * docs/decisions/0009-quick-way-for-keys.md.
 * Where that thread ends by itself the process does: it is an uncaught failure.
 * @param script what runs there: it calls `serveLedger` (ledger-worker.ts)
 * @param data its `workerData`
 * @throws KeyturnError what keeps the log from being opened (as a rejection)
 */
export async function ledgerOnThread(script: URL, data: unknown): Promise<LedgerWriter> {
  const worker = new Worker(script, { workerData: data, execArgv: [] });
  const waiting = new Map<number, (outcome: Outcome) => void>();
  const failAll = (error: unknown): void => {
    const message = error instanceof Error ? error.message : 'it ended';
    const takers = [...waiting.values()];
    waiting.clear();
    for (const take of takers) take({ ok: false, failure: { code: 'internal', message: `The audit thread failed: ${message}` } });
  };
  let asked = 0;
  let ended = false;
  /** Whether it was told to end. */
  let closing = false;
  let failure: Error = new Error('it ended');
  worker.on('message', ({ id, outcome }: Reply) => {
    const take = waiting.get(id);
    waiting.delete(id);
    take?.(outcome);
  });
  worker.on('error', (error) => {
    failure = error instanceof Error ? error : failure;
    failAll(failure);
  });
  worker.on('exit', () => {
    ended = true;
    failAll(failure);
    // Nothing could be changed any more, and on most stores nothing read: as on one thread, the process ends, and whoever keeps it running starts it anew.
    if (!closing) throw new Error('The audit thread ended by itself.', { cause: failure });
  });

  function ask(task: Task, take: (outcome: Outcome) => void): void {
    if (ended) return void take({ ok: false, failure: { code: 'audit_unavailable', message: 'The audit thread has ended.' } });
    const message: Asked = { id: asked++, task };
    waiting.set(message.id, take);
    worker.postMessage(message);
  }
  const promised = (task: Task): Promise<Checkpoint | null> =>
    new Promise((resolve, reject) => {
      ask(task, (outcome) => (outcome.ok ? resolve(outcome.checkpoint ?? null) : reject(failureFrom(outcome.failure))));
    });

  await promised({ do: 'open' }).catch(async (error: unknown) => {
    closing = true;
    await worker.terminate();
    throw error;
  });
  return {
    commit: ({ texts, ...rest }: Batch, done) =>
      // one long text crosses threads much faster than many short ones; no record holds a line feed
      ask({ do: 'commit', batch: { ...rest, lines: texts.join('\n') } }, (outcome) =>
        done(outcome.ok ? null : failureFrom(outcome.failure)),
      ),
    async checkpoint(at) {
      const made = await promised({ do: 'checkpoint', at });
      if (made !== null) return made;
      throw new KeyturnError('internal', 'The audit thread made no checkpoint.');
    },
    async drop(anchor) {
      await promised({ do: 'drop', anchor });
    },
    async close() {
      closing = true;
      try {
        if (!ended) await promised({ do: 'close' });
      } finally {
        await worker.terminate();
      }
    },
  };
}
