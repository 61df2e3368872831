import t from 'tap';
import { grantableLease } from '../../src/core/lease.ts';
import { ROUND_POLICY } from '../support/keyrings.ts';

t.test('a lease shrinks with the age of the copy, rounded down to whole seconds, and never below nothing', async (t) => {
  const table: [number, number][] = [
    [0, 10],
    [1, 9],
    [1_000, 9],
    [1_001, 8],
    [9_000, 1],
    [9_001, 0],
    [10_000, 0],
    [10_001, 0],
    [Number.POSITIVE_INFINITY, 0],
  ];
  for (const [age, seconds] of table) t.equal(grantableLease({ ...ROUND_POLICY, leaseSeconds: 10 }, age), seconds, `${age} ms`);
});

t.test('a copy from the future grants no more than one from now', async (t) => {
  t.equal(grantableLease({ ...ROUND_POLICY, leaseSeconds: 10 }, -5_000), 10);
});
