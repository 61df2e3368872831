import t from 'tap';
import { keepsEveryPromise } from './promises.ts';
import { runSchedule } from './world.ts';

t.test('every promise is kept in every schedule', (t) => keepsEveryPromise(t, 1));

t.test('a seed decides all that happens', async (t) => {
  const run = async (): Promise<string[]> => {
    const lines: string[] = [];
    await runSchedule(7, null, (line) => void lines.push(line));
    return lines;
  };
  const first = await run();
  t.ok(first.length > 50, 'something happens');
  t.same(await run(), first);
});
