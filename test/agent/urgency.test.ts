import t from 'tap';
import { handOverAt, stopLead, urgencyOf } from '../../src/agent/urgency.ts';
import { snapshotOf, UNTIL } from './snapshots.ts';

const now = Date.parse('2026-02-01T00:00:00.000Z');
const after = Date.parse(UNTIL);
const held = snapshotOf({ current: 2, previous: [1] });

t.test('how soon a program must have the new keys', async (t) => {
  const upcoming = snapshotOf({ current: 2, next: 3, previous: [1] });
  const cases = [
    ['a new key is published', held, snapshotOf({ current: 2, next: 3, previous: [1] }), now, 'soon'],
    ['a published key begins to sign', upcoming, snapshotOf({ current: 3, previous: [2, 1] }), now, 'soon'],
    ['an old key has come to its end', held, snapshotOf({ current: 2 }), after, 'soon'],
    ['a previous key is revoked before its end', held, snapshotOf({ current: 2 }), now, 'now'],
    ['the key that signs is revoked', upcoming, snapshotOf({ current: 3, previous: [1] }), now, 'now'],
    ['everything is revoked', held, snapshotOf({ current: 3 }), now, 'now'],
    ['a key signs that the program lacks', held, snapshotOf({ current: 3, previous: [2, 1] }), now, 'now'],
    ['the published key is revoked', upcoming, snapshotOf({ current: 2, previous: [1] }), now, 'now'],
  ] as const;
  for (const [name, before, fresh, at, urgency] of cases) t.equal(urgencyOf(before, fresh, at), urgency, name);
});

t.test('the lease wins over the interval, and the interval over the splay', async (t) => {
  const plan = { urgency: 'soon', heardAt: 1_000, lastAt: 0, minInterval: 500, delay: 300, stopBy: 9_000 } as const;
  t.equal(handOverAt(plan), 1_300);
  t.equal(handOverAt({ ...plan, minInterval: 5_000 }), 5_000);
  t.equal(handOverAt({ ...plan, minInterval: 50_000 }), 9_000);
  t.equal(handOverAt({ ...plan, delay: 50_000 }), 9_000);
  t.equal(handOverAt({ ...plan, minInterval: 50_000, urgency: 'now' }), 1_000);
});

t.test('a program is asked to stop before its lease ends', async (t) => {
  t.equal(stopLead(30_000, 86_400_000), 30_000);
  t.equal(stopLead(30_000, 4_000), 1_000);
});
