import { setTimeout as pause } from 'node:timers/promises';
import { Connection, etagIn, requestFor } from '../connection.ts';
import { type Result, shown, under } from '../row.ts';
import { act, start, withFolder } from '../server-process.ts';

const HELD = 10_000;
const OPENED_AT_ONCE = 200;

/** Requests held by `?wait=` on one process: what each costs in memory, and how long it takes to tell all of a rotation. */
export async function held(): Promise<Result[]> {
  return withFolder(async (dataDir) => {
    const server = await start('keyturn', dataDir);
    const { url, headers } = server.served;
    await act(server, '/v1/keyrings', { name: 'web' });
    const keys = `${url}/v1/keyrings/web/keys`;
    const before = await server.usage();
    const told: Promise<number>[] = [];
    const connections: Connection[] = [];
    for (let index = 0; index < HELD; index += OPENED_AT_ONCE) {
      const some = Array.from({ length: OPENED_AT_ONCE }, async (_, offset) => {
        const connection = await Connection.open(url);
        const named = { ...headers, 'keyturn-instance': `bench-${index + offset}` };
        const tag = etagIn(await connection.get(requestFor('GET', keys, named)));
        connections.push(connection);
        const waiting = requestFor('GET', `${keys}?wait=60`, { ...named, 'if-none-match': tag });
        told.push(connection.get(waiting).then(({ status }) => (status === 200 ? performance.now() : Number.POSITIVE_INFINITY)));
      });
      await Promise.all(some);
    }
    await pause(2_000);
    const after = await server.usage();
    const began = performance.now();
    await act(server, '/v1/keyrings/web/rotate', { reason: 'bench', kind: 'immediate' });
    const last = Math.max(...(await Promise.all(told))) - began;
    for (const connection of connections) connection.close();
    await server.stop();
    const each = (after.residentBytes - before.residentBytes) / HELD / 1_000;
    return [
      under(`${HELD} held requests, all told of a rotation`, last / 1_000, 1, 's'),
      under(`${HELD} held requests, memory each`, each, 25, 'KB', ` (${shown(after.residentBytes / 1e6)} MB resident in all)`),
    ];
  });
}
