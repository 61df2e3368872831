import t from 'tap';
import { FAULTS, type Fault } from './faults.ts';
import { runSchedule } from './world.ts';

/** Each fault is noticed in one of so many schedules. */
const MOST_SCHEDULES = 3_000;

/** A schedule that notices it. */
async function noticedIn(fault: Fault): Promise<number | null> {
  for (let tried = 0; tried < MOST_SCHEDULES; tried++) {
    const seed = tried === 0 ? fault.seenIn : tried;
    const { violation } = await runSchedule(seed, fault);
    if (violation !== null) return seed;
  }
  return null;
}

for (const fault of FAULTS) {
  t.test(`it is noticed when ${fault.name}`, async (t) => {
    const seed = await noticedIn(fault);
    t.not(seed, null);
    if (seed !== null) t.comment(`npm run sim -- --seed ${seed} --fault '${fault.name}'`);
  });
}
