import t from 'tap';
import { Misses } from '../../src/access/lookups.ts';
import type { TokenId } from '../../src/ports/tokens.ts';
import { ManualClock } from '../support/clock.ts';

t.test('misses are bounded: the oldest are forgotten first', async (t) => {
  const misses = new Misses(new ManualClock());
  for (let i = 0; i < 10_000; i++) misses.add(`id${i}` as TokenId);
  t.equal(misses.size, 4_096);
  t.ok(misses.has('id9999' as TokenId));
  t.notOk(misses.has('id0' as TokenId));
});
