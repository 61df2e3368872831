import { setTimeout as pause } from 'node:timers/promises';

/** Waits for what files, sockets and processes do in their own time. The limit is for a test that would never end. */
export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 60_000;
  while (!(await isTrue())) {
    if (Date.now() > limit) throw new Error('It did not come to that.');
    await pause(5);
  }
}
