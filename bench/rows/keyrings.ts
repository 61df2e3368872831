import { setTimeout as pause } from 'node:timers/promises';
import { Connection, requestFor } from '../connection.ts';
import { fill, nameOf } from '../fill.ts';
import { type Asker, atRate, p99Of } from '../load.ts';
import { least, median, type Result, shown, under } from '../row.ts';
import { type Server, start, withFolder } from '../server-process.ts';

const KEYRINGS = 100_000;
const READERS = 32;
const READS_PER_SECOND = 500;
const SECONDS = 5;
/** Beyond the next first of a month. */
const TO_THE_SLOT = 32 * 86_400_000;

/** Many keyrings: the start, the memory, a sweep that finds nothing to do, and one that finds all of them due in one slot. */
export async function keyrings(): Promise<Result[]> {
  return withFolder(async (dataDir) => {
    await fill(dataDir, KEYRINGS);
    const server = await start('keyturn', dataDir);
    const started = await server.usage();
    const askers = await readers(server);
    await pause(3_000);
    const sweeps: number[] = [];
    for (let round = 0; round < 9; round++) sweeps.push(await server.sweep());
    const idle = await paced(server, askers);
    await server.jump(TO_THE_SLOT);
    const before = await rotated(server);
    const began = performance.now();
    server.sweep().catch(() => undefined); // goes on until the server is stopped
    const busy = await paced(withoutUsage(server), askers);
    const rate = ((await rotated(server)) - before) / ((performance.now() - began) / 1_000);
    for (const { connection } of askers) connection.close();
    await server.stop();
    const ratio = busy / idle;
    return [
      under(`${KEYRINGS} keyrings, start until it listens`, server.served.startMillis / 1_000, 5, 's'),
      under('… resident', started.residentBytes / 1e6, 500, 'MB'),
      under('… a sweep with none due', median(sweeps), 50, 'ms'),
      least('… all due in one slot, rotated a second', rate, 500, shown(rate)),
      under('… p99 of reads meanwhile', ratio, 2, 'times', ` its idle value (${shown(busy)} and ${shown(idle)} ms)`),
    ];
  });
}

async function readers({ served: { url, headers } }: Server): Promise<Asker[]> {
  const one = async (index: number): Promise<Asker> => ({
    connection: await Connection.open(url),
    request: requestFor('GET', `${url}/v1/keyrings/${nameOf(index * 3_000)}/keys`, { ...headers, 'keyturn-instance': `bench-${index}` }),
  });
  return Promise.all(Array.from({ length: READERS }, (_, index) => one(index)));
}

const paced = (server: Server, askers: readonly Asker[]) => p99Of(() => atRate(server, askers, [200], SECONDS, READS_PER_SECOND));

/** While it sweeps a server answers its parent late. */
function withoutUsage(server: Server): Server {
  return { ...server, usage: async () => ({ cpuMicros: 0, residentBytes: 0 }) };
}

async function rotated({ served: { url, headers } }: Server): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`, { headers })).text();
  return Number(/^keyturn_sweep_outcomes_total\{outcome="rotated",code=""\} (\d+)/m.exec(metrics)?.[1] ?? 0);
}
