import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import type { Row } from './row.ts';
import { arrivals } from './rows/arrivals.ts';
import { held } from './rows/held.ts';
import { keyrings } from './rows/keyrings.ts';
import { postgres } from './rows/postgres.ts';
import { reads } from './rows/reads.ts';
import { rotations } from './rows/rotations.ts';

/** `npm run bench [-- --only reads,held]`: measures and prints one table. docs/performance.md explains it. */
const DEFAULT = ['reads', 'held', 'arrivals', 'keyrings', 'rotations'];
const ROWS: Readonly<Record<string, Row>> = { reads, held, arrivals, keyrings, rotations, postgres };

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const wanted = values.only?.split(',') ?? DEFAULT;
const unknown = wanted.filter((name) => ROWS[name] === undefined);
if (unknown.length > 0) throw new Error(`There is no row ${unknown.join(', ')}. There are: ${Object.keys(ROWS).join(', ')}`);

const table = new Table({ head: ['row', 'what', 'measured', 'target', 'met'], style: { head: [], border: [] } });
for (const name of wanted) {
  for (const { what, figure, target, met } of (await ROWS[name]?.()) ?? []) {
    table.push([name, what, figure, target, met === null ? '' : met ? 'yes' : 'NO']);
  }
}
const machine = cpus();
console.log(
  `${machine.length} × ${machine[0]?.model ?? 'unknown processor'}, node ${process.version}, ${new Date().toISOString().slice(0, 10)}`,
);
console.log(table.toString());
