import type { MessagePort } from 'node:worker_threads';
import type { LedgerWriter } from '../audit/ledger.ts';
import { KeyturnError } from '../core/errors.ts';
import { type Asked, type Outcome, plainFailure, type Reply, type Task } from './ledger-messages.ts';

/**
 * The audit thread: does what ledger-thread.ts asks.
 * @param open opens the writer, once
 */
export function serveLedger(port: MessagePort, open: () => LedgerWriter | Promise<LedgerWriter>): void {
  let writer: LedgerWriter | null = null;

  async function perform(task: Exclude<Task, { do: 'commit' }>): Promise<Outcome> {
    switch (task.do) {
      case 'open':
        writer ??= await open();
        return { ok: true };
      case 'checkpoint':
        return { ok: true, checkpoint: await opened(writer).checkpoint(task.at) };
      case 'drop':
        await opened(writer).drop(task.anchor);
        return { ok: true };
      case 'close':
        await writer?.close();
        return { ok: true };
    }
  }

  port.on('message', ({ id, task }: Asked) => {
    const reply = (outcome: Outcome): void => port.postMessage({ id, outcome } satisfies Reply);
    const refuse = (error: unknown): void => reply({ ok: false, failure: plainFailure(error) });
    if (task.do !== 'commit') return void perform(task).then(reply, refuse);
    const { lines, ...rest } = task.batch;
    // without a promise: thousands come in a second
    opened(writer).commit({ ...rest, texts: lines === '' ? [] : lines.split('\n') }, (failure) =>
      failure === null ? reply({ ok: true }) : refuse(failure),
    );
  });
}

function opened(writer: LedgerWriter | null): LedgerWriter {
  if (writer !== null) return writer;
  throw new KeyturnError('internal', 'The audit log was not opened.');
}
