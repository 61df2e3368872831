import { type Result, shown, under } from '../row.ts';
import { measureStart } from '../start-postgres.ts';
import { postgresReads } from './reads.ts';

const KEYRINGS = 10_000;
/** Seconds, in every case. */
const START = 10;

/** Starts with many keyrings, and reads beside those of the embedded store. Only on demand: `--only postgres`; PostgreSQL must be installed here. */
export async function postgres(): Promise<Result[]> {
  const { creating, recovering, declared, plain } = await measureStart(KEYRINGS);
  const more = ` (${shown(KEYRINGS / creating)} keyrings a second)`;
  return [
    under(`${KEYRINGS} keyrings, a start that creates them all`, creating, START, 's', more),
    under('… that finds them, all without their audit record', recovering, START, 's'),
    under('… that finds them, all declared', declared, START, 's'),
    under('… that finds them', plain, START, 's'),
    ...(await postgresReads()),
  ];
}
