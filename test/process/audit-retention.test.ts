import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { temporaryFolder } from '../support/sqlite.ts';
import { keyturnProcess, servedProcess } from './machine.ts';

t.test('the log of a service is exported and dropped while it goes on serving, and of a stopped one as it lies', async (t) => {
  const folder = temporaryFolder(t);
  const env = { KEYTURN_DATA_DIR: join(folder, 'data') };
  const service = await servedProcess(t, env);
  for (const name of ['web', 'api']) await service.call('/v1/keyrings', { name });
  const running = { ...env, KEYTURN_URL: service.url };
  let over = false;
  const reading = (async () => {
    let reads = 0;
    for (; !over; reads++) {
      await service.call('/v1/keyrings/web/keys');
      await sleep(20);
    }
    return reads;
  })();
  const first = join(folder, 'first.ndjson');
  const until = ['--until', '2099-01-01T00:00:00Z', '--out'];
  const exported = await keyturnProcess(t, ['audit', 'export', ...until, first], running);
  t.match(exported, { exit: 0, out: /^Records 1 to \d+ are in / }, exported.err);
  const dropped = await keyturnProcess(t, ['audit', 'drop', '--exported', first], running);
  t.match(dropped, { exit: 0, out: /^Records 1 to \d+ were deleted/ }, dropped.err);
  t.match(await keyturnProcess(t, ['audit', 'drop', '--exported', first], running), { exit: 1, err: /Nothing was deleted/ });
  const verified = await keyturnProcess(t, ['audit', 'verify', '--json'], running);
  const last = Number(/to (\d+)/.exec(dropped.out)?.[1]);
  t.match(JSON.parse(verified.out), { intact: true, from: last + 1 });
  t.match(await keyturnProcess(t, ['audit', 'verify', '--file', first], running), { exit: 0 });
  over = true;
  t.ok((await reading) > 10, 'it was read all the time');
  await service.stop();

  const second = join(folder, 'second.ndjson');
  const resting = { ...env, KEYTURN_URL: 'http://127.0.0.1:9' };
  const after = await keyturnProcess(t, ['audit', 'export', ...until, second], resting);
  t.match(after, { exit: 0, out: new RegExp(`^Records ${last + 1} to`), err: /No service answers/ });
  t.match(await keyturnProcess(t, ['audit', 'drop', '--exported', second], resting), { exit: 0 });
  t.match(await keyturnProcess(t, ['audit', 'verify', '--data-dir', env.KEYTURN_DATA_DIR], resting), { exit: 0 });
});
