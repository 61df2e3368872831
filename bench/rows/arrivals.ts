import { setTimeout as pause } from 'node:timers/promises';
import { Connection, requestFor } from '../connection.ts';
import { fact, quantile, type Result, shown, under } from '../row.ts';
import { act, start, withFolder } from '../server-process.ts';

const INSTANCES = 10_000;
const WITHIN_MILLIS = 1_000;

/** A fleet that starts within a second: each instance connects and reads its keys for the first time. */
export async function arrivals(): Promise<Result[]> {
  return withFolder(async (dataDir) => {
    const server = await start('keyturn', dataDir);
    const { url, headers } = server.served;
    await act(server, '/v1/keyrings', { name: 'web' });
    const began = performance.now();
    const arrive = async (index: number): Promise<{ readonly status: number; readonly took: number; readonly connection: Connection }> => {
      const asked = performance.now();
      const connection = await Connection.open(url);
      const request = requestFor('GET', `${url}/v1/keyrings/web/keys`, { ...headers, 'keyturn-instance': `bench-${index}` });
      const { status } = await connection.get(request);
      return { status, took: performance.now() - asked, connection };
    };
    const arriving: ReturnType<typeof arrive>[] = [];
    while (arriving.length < INSTANCES) {
      const due = Math.min(INSTANCES, ((performance.now() - began) / WITHIN_MILLIS) * INSTANCES);
      while (arriving.length < due) arriving.push(arrive(arriving.length));
      await pause(1);
    }
    const served = await Promise.all(arriving);
    const all = performance.now() - began;
    const refused = served.filter(({ status }) => status !== 200).length;
    for (const { connection } of served) connection.close();
    await server.stop();
    return [
      { what: `${INSTANCES} instances that start within a second, refused`, figure: String(refused), target: '0', met: refused === 0 },
      under('… all served after', all / 1_000, 2, 's'),
      fact(
        '… time of one, p99',
        `${shown(
          quantile(
            served.map(({ took }) => took),
            0.99,
          ),
        )} ms`,
      ),
    ];
  });
}
