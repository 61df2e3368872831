import t from 'tap';
import { FAULTS, type Fault } from './faults.ts';
import { runSchedule } from './world.ts';

/** Each fault is noticed in one of so many schedules. */
const MOST_SCHEDULES = 3_000;

/** The first schedule that notices it. */
async function noticedIn(fault: Fault): Promise<number | null> {
  for (let seed = 1; seed <= MOST_SCHEDULES; seed++) {
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
