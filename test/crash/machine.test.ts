import t from 'tap';
import { campaign, type Plan } from './campaign.ts';
import { expectations } from './expectations.ts';

/** What is done at the machine, and the real program at a moment that nobody chose. */
const PLANS: readonly Plan[] = [
  { operation: 'rekey', point: { step: 'rekey progress', nth: 1, when: 'after' } },
  { operation: 'rekey', point: { step: 'file renameSync', nth: 2, when: 'before' } },
  { operation: 'backup', point: { step: 'database copyTo', nth: 2, when: 'after' } },
  { operation: 'restore', point: { step: 'file renameSync', nth: 1, when: 'after' } },
  { operation: 'restore', point: { step: 'sql COMMIT', nth: 7, when: 'after' } },
  { operation: 'load', point: { step: 'random moment', nth: 400, when: 'after' } },
];

t.test('killed during a backup, a restore, a change of the master key or under load, it goes on where it was', async (t) => {
  expectations(t, await campaign({ plans: PLANS, kills: PLANS.length }));
});
