import { parentPort } from 'node:worker_threads';

/** An audit thread that opens, and dies of the first commit. */
parentPort?.on('message', ({ id, task }: { readonly id: number; readonly task: { readonly do: string } }) => {
  if (task.do !== 'open') throw new Error('torn out');
  parentPort?.postMessage({ id, outcome: { ok: true } });
});
