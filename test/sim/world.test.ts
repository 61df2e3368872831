import t from 'tap';
import { Tally } from './tally.ts';
import { runSchedule } from './world.ts';

/** Other ones are run by `npm run sim`. */
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
  'registries lost',
  'swaps lost to another writer',
  'swap: request lost',
  'swap: answer lost',
  'swap: given up',
  'crashes: before the material',
  'crashes: between material and swap',
  'crashes: after the swap',
  'crashes: between granting and answering',
  'leases on an outdated document',
  'refused or failed: lease_exhausted',
  'tokens signed',
  'verifications',
];

t.test('every promise is kept in every schedule', async (t) => {
  const total = new Tally();
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    const { violation, tally } = await runSchedule(seed);
    total.add(tally);
    if (violation !== null) t.fail(`npm run sim -- --seed ${seed}: ${violation.message}`);
  }
  for (const what of MUST_HAPPEN) t.ok(total.of(what) > 0, `schedules have ${what}`);
});

t.test('a seed decides all that happens', async (t) => {
  const run = async (): Promise<string[]> => {
    const lines: string[] = [];
    await runSchedule(7, null, (line) => void lines.push(line));
    return lines;
  };
  const first = await run();
  t.ok(first.length > 50, 'something happens');
  t.same(await run(), first);
});
