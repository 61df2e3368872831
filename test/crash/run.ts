/** `npm run crash -- --kills N --seed S`: kills the service N times and says what it found. */
import { parseArgs } from 'node:util';
import { noPostgres, startPostgres } from '../support/postgres.ts';
import { campaign, everyPoint, type Killed, OPERATIONS, type Operation } from './campaign.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string', multiple: true, default: [] },
  },
});
const isOperation = (text: string): text is Operation => OPERATIONS.some((operation) => operation === text);
const wanted = values.only.length > 0 ? values.only.filter(isOperation) : OPERATIONS;
const operations = wanted.filter((operation) => noPostgres === false || !operation.includes('postgres'));
if (noPostgres !== false) process.stdout.write(`no moves to or from PostgreSQL: ${noPostgres}\n`);
const endings: (() => unknown)[] = [];
const teardown = (ending: () => unknown): void => void endings.unshift(ending);
const postgres = operations.some((operation) => operation.includes('postgres')) ? await startPostgres({ teardown }) : null;
const started = Date.now();
let kills = 0;
process.stdout.write(`seed ${values.seed}\n`);
const plans = await everyPoint(operations, Number(values.seed), postgres);
process.stdout.write(`${plans.length} points\n`);
const done = await campaign({
  plans,
  kills: Number(values.kills),
  postgres,
  told({ operation, point, killed, violations }) {
    if (killed) kills++;
    if (kills % 25 === 0 && killed) process.stdout.write(`${kills} kills, ${Math.round((Date.now() - started) / 1000)} s\n`);
    for (const violation of violations) process.stdout.write(`${operation}, ${point.when} ${point.step} ${point.nth}: ${violation}\n`);
  },
});
for (const ending of endings) await ending();
process.stdout.write(table(done));
process.exitCode = done.some(({ violations }) => violations.length > 0) ? 1 : 0;

function table(all: readonly Killed[]): string {
  const rows = new Map<string, { kills: number; violations: number }>();
  for (const { operation, point, killed, violations } of all) {
    if (!killed && violations.length === 0) continue;
    const step = `${operation}: ${point.step}`;
    const row = rows.get(step) ?? { kills: 0, violations: 0 };
    rows.set(step, { kills: row.kills + 1, violations: row.violations + violations.length });
  }
  const lines = [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([step, row]) => line(step, row.kills, row.violations));
  const sums = [...rows.values()].reduce((sum, row) => ({ kills: sum.kills + row.kills, violations: sum.violations + row.violations }), {
    kills: 0,
    violations: 0,
  });
  return `${line('step', 'kills', 'violations')}${lines.join('')}${line('all', sums.kills, sums.violations)}`;
}

function line(step: string, count: number | string, violations: number | string): string {
  return `${step.padEnd(44)}${String(count).padStart(7)}${String(violations).padStart(12)}\n`;
}
