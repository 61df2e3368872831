import t from 'tap';
import { campaign } from './campaign.ts';

/** As many as a run of the tests can pay for; `npm run crash` goes on from there. The seed changes every day, and a failure names it. */
const KILLS = 16;
const seed = Math.floor(Date.now() / 86_400_000);

t.test('killed at a step of whatever it does, the service loses nothing, revives nothing and its log verifies', async (t) => {
  const done = await campaign({ kills: KILLS, seed });
  for (const { operation, point, violations } of done)
    t.same(violations, [], `${operation}, killed ${point.when} ${point.step} ${point.nth} (npm run crash -- --seed ${seed})`);
  t.equal(done.filter(({ killed }) => killed).length, KILLS);
});
