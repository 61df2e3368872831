import t from 'tap';
import { inGroups } from '../../src/app/in-groups.ts';

/** How many calls were under way at most, and how many were begun. */
async function counted(atOnce: number | undefined, failing = -1) {
  let inside = 0;
  const seen = { most: 0, begun: 0 };
  const items = Array.from({ length: 50 }, (_, index) => index);
  const store = atOnce === undefined ? {} : { atOnce };
  const answers = inGroups(store, items, async (item) => {
    seen.begun++;
    seen.most = Math.max(seen.most, ++inside);
    await new Promise(setImmediate);
    inside--;
    if (item === failing) throw new Error('failed');
    return 2 * item;
  });
  const outcome = await answers.catch((error: Error) => error.message);
  return { ...seen, outcome };
}

t.test('as many calls at the same time as the store serves well, and the answers in their places', async (t) => {
  const outcome = Array.from({ length: 50 }, (_, index) => 2 * index);
  t.same(await counted(undefined), { most: 16, begun: 50, outcome });
  t.same(await counted(7), { most: 7, begun: 50, outcome });
  t.same(await counted(400), { most: 50, begun: 50, outcome });
});

t.test('after a failure no more are begun', async (t) => {
  t.same(await counted(7, 9), { most: 7, begun: 14, outcome: 'failed' });
});
