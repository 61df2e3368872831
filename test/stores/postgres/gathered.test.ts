import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { Gathered } from '../../../src/stores/postgres/gathered.ts';

/** Doubles numbers; remembers what it was asked. */
function doubling(most: number) {
  const asked: (readonly number[])[] = [];
  const gathered = new Gathered(most, async (items: readonly number[]) => {
    asked.push(items);
    if (items.includes(13)) throw new Error('thirteen');
    return items.map((item) => (item < 0 ? Promise.reject(new Error(`${item}`)) : 2 * item));
  });
  return { asked, double: (item: number) => gathered.call(item) };
}

t.test('the calls of one turn share questions that are not longer than they may be, and each gets its own answer', async (t) => {
  const { asked, double } = doubling(3);
  const first = [1, 2, 3, 4].map(double);
  await nextTurn();
  t.same(await Promise.all([...first, double(5)]), [2, 4, 6, 8, 10]);
  t.same(asked, [[1, 2, 3], [4], [5]]);
});

t.test('an answer that is a failure is one call’s own, a question that fails is that of all in it', async (t) => {
  const { double } = doubling(3);
  const outcomes = await Promise.allSettled([1, -2, 3, 13, 14].map(double));
  t.same(
    outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : String(outcome.reason.message))),
    [2, '-2', 6, 'thirteen', 'thirteen'],
  );
});

t.test('an answer too few is nobody’s', async (t) => {
  const short = new Gathered(9, async (items: readonly number[]) => items.slice(1));
  await t.rejects(short.call(1), /not answered in full/);
});
