import type { Test } from 'tap';
import { Tally } from './tally.ts';
import { runSchedule } from './world.ts';

/** So many in one file: the files run beside one another. Other schedules are run by `npm run sim`. */
const SCHEDULES = 1_000;

/** What must happen in so many schedules, or they prove nothing. */
const MUST_HAPPEN = [
  'early activations',
  'versions: for a slot',
  'versions: immediate',
  'versions: emergency',
  'versions: replacement',
  'revocations',
  'destructions',
  'partitions',
  'processes cut off',
  'registries lost',
  'swaps lost to another writer',
  'swap: request lost',
  'swap: answer lost',
  'swap: given up',
  'late answers',
  'activations put off',
  'crashes: before the material',
  'crashes: between material and swap',
  'crashes: after the swap',
  'crashes: between granting and answering',
  'leases on an outdated document',
  'refused or failed: lease_exhausted',
  'tokens signed',
  'verifications',
];

/** Every promise is kept in each of a thousand schedules. */
export async function keepsEveryPromise(t: Test, from: number): Promise<void> {
  const total = new Tally();
  for (let seed = from; seed < from + SCHEDULES; seed++) {
    const { violation, tally } = await runSchedule(seed);
    total.add(tally);
    if (violation !== null) t.fail(`npm run sim -- --seed ${seed}: ${violation.message}`);
  }
  for (const what of MUST_HAPPEN) t.ok(total.of(what) > 0, `schedules have ${what}`);
}
