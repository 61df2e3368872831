import { parentPort, workerData } from 'node:worker_threads';
import type { AuditKeys } from '../../../audit/keys.ts';
import { prepareLeases } from './leases.ts';
import { plainFailure, type Reply, type Task } from './messages.ts';
import { type AuditDatabase, openAuditWriter } from './writer.ts';

/** The audit thread: owns the writing connection to the audit database (threads.ts starts it). */
const { path, keys } = workerData as { readonly path: string; readonly keys: AuditKeys };
let database: AuditDatabase | null = null;

function open(): AuditDatabase {
  database ??= openAuditWriter(path, keys, prepareLeases);
  return database;
}

function perform(task: Task): Reply {
  switch (task.do) {
    case 'open':
      open();
      return { ok: true };
    case 'commit': {
      const { lines, ...rest } = task.batch;
      open().commit({ ...rest, texts: lines === '' ? [] : lines.split('\n') });
      return { ok: true };
    }
    case 'checkpoint':
      return { ok: true, checkpoint: open().checkpoint(task.at) };
    case 'drop':
      open().drop(task.anchor);
      return { ok: true };
    case 'clear':
      return { ok: true, more: open().clear() };
    case 'close':
      database?.close();
      return { ok: true };
  }
}

parentPort?.on('message', (task: Task) => {
  let reply: Reply;
  try {
    reply = perform(task);
  } catch (error) {
    reply = { ok: false, failure: plainFailure(error) };
  }
  parentPort?.postMessage(reply);
});
