import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Connection, requestFor } from '../connection.ts';
import { fill, nameOf } from '../fill.ts';
import { least, median, type Result, shown } from '../row.ts';
import { type Server, start, withFolder } from '../server-process.ts';

const KEYRINGS = 100_000;
const CONNECTIONS = 32;
const SECONDS = 2;
const ROUNDS = 5;

/** Rotations by the API, each of another keyring, beside what the disk allows: one row of the same size a commit, synced each time. */
export async function rotations(): Promise<Result[]> {
  return withFolder(async (dataDir) => {
    await fill(dataDir, KEYRINGS);
    const server = await start('keyturn', dataDir);
    const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => Connection.open(server.served.url)));
    const names = Array.from({ length: KEYRINGS }, (_, index) => nameOf(index)).values();
    const pairs: { readonly ours: number; readonly commits: number }[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const pair = { ours: await rotate(server, connections, names), commits: bareCommits(join(dataDir, 'bare.db')) };
      if (round > 0) pairs.push(pair);
    }
    for (const connection of connections) connection.close();
    await server.stop();
    const [ours, commits] = [median(pairs.map((pair) => pair.ours)), median(pairs.map((pair) => pair.commits))];
    const ratio = median(pairs.map((pair) => pair.ours / pair.commits));
    return [least('rotations, of bare durable commits', ratio, 0.33, `${ratio.toFixed(2)} (${shown(ours)} of ${shown(commits)} a second)`)];
  });
}

async function rotate({ served: { url, headers } }: Server, connections: readonly Connection[], names: Iterator<string>): Promise<number> {
  const began = performance.now();
  let done = 0;
  const work = async (connection: Connection): Promise<void> => {
    while (performance.now() - began < SECONDS * 1_000) {
      const { value } = names.next();
      if (value === undefined) throw new Error('Too few keyrings for such a fast machine: raise KEYRINGS.');
      const body = JSON.stringify({ reason: 'bench', kind: 'immediate' });
      const { status, head } = await connection.get(requestFor('POST', `${url}/v1/keyrings/${value}/rotate`, headers, body));
      if (status >= 400 || status === 0) throw new Error(head);
      done++;
    }
  };
  await Promise.all(connections.map(work));
  return done / ((performance.now() - began) / 1_000);
}

function bareCommits(path: string): number {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS rows (document TEXT)');
  const insert = database.prepare('INSERT INTO rows VALUES (?)');
  const document = 'x'.repeat(1_000);
  const began = performance.now();
  let done = 0;
  for (; performance.now() - began < (SECONDS * 1_000) / 2; done++) insert.run(document);
  database.close();
  return done / ((performance.now() - began) / 1_000);
}
