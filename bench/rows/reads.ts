import { Connection, etagIn, requestFor } from '../connection.ts';
import { type Asker, atFullRate, atRate, type Figures } from '../load.ts';
import { fact, least, median, type Result, shown, under } from '../row.ts';
import { act, type Server, start, withFolder } from '../server-process.ts';

const CONNECTIONS = 256;
const ROUNDS = 5;
const SECONDS = 2;

/** Requests that the same connections send for a 200 (a tag of before the last change, as whoever missed it sends) and for a 304. */
interface Fleet {
  readonly server: Server;
  readonly 200: readonly Asker[];
  readonly 304: readonly Asker[];
}

/**
 * `GET …/keys` with authentication, metrics, lease and a durable audit record before each answer, beside a bare Fastify route that returns the
 * same bytes: in turn, in one run, over as many connections. Each connection is an instance that has asked before.
 */
export function reads(): Promise<Result[]> {
  return readsFrom('keyturn');
}

/** The same from a PostgreSQL server on this machine, which must be installed. Only on demand: `--only postgres`. */
export function postgresReads(): Promise<Result[]> {
  return readsFrom('postgres');
}

function readsFrom(kind: 'keyturn' | 'postgres'): Promise<Result[]> {
  return withFolder(async (dataDir) => {
    const keyturn = await start(kind, dataDir);
    await act(keyturn, '/v1/keyrings', { name: 'web' });
    const connections = await open(keyturn);
    const stale = await tagsOf(keyturn, connections, []);
    await act(keyturn, '/v1/keyrings/web/rotate', { reason: 'bench', kind: 'immediate' });
    const fresh = await tagsOf(keyturn, connections, stale);
    const bare = await start('bare', await bodyOf(keyturn));
    const others = await open(bare);
    const ours = { server: keyturn, 200: askers(keyturn, connections, stale), 304: askers(keyturn, connections, fresh) };
    const theirs = {
      server: bare,
      200: askers(bare, others, stale),
      304: askers(bare, others, await tagsOf(bare, others, [])),
    };
    const results = [...(await compared(200, 0.75, ours, theirs)), ...(await compared(304, 0.8, ours, theirs))];
    for (const connection of [...connections, ...others]) connection.close();
    await Promise.all([keyturn.stop(), bare.stop()]);
    return results;
  });
}

async function compared(status: 200 | 304, target: number, ours: Fleet, theirs: Fleet): Promise<Result[]> {
  const full = ({ server, [status]: asked }: Fleet): Promise<Figures> => atFullRate(server, asked, [status], SECONDS);
  const pairs: { readonly our: Figures; readonly their: Figures }[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const pair = { our: await full(ours), their: await full(theirs) };
    if (round > 0) pairs.push(pair); // the first warms up
  }
  const rate = median(pairs.map(({ our }) => our.requestsPerSecond));
  const bareRate = median(pairs.map(({ their }) => their.requestsPerSecond));
  const ratio = median(pairs.map(({ our, their }) => our.requestsPerSecond / their.requestsPerSecond));
  const half = ({ server, [status]: asked }: Fleet) => atRate(server, asked, [status], SECONDS * 2, rate / 2);
  const [quiet, bareQuiet] = [await half(ours), await half(theirs)];
  const cpu = median(pairs.map(({ our }) => our.cpuMicros));
  const bareCpu = median(pairs.map(({ their }) => their.cpuMicros));
  return [
    least(`${status}, of bare Fastify's rate`, ratio, target, `${ratio.toFixed(2)} (${shown(rate)} of ${shown(bareRate)} a second)`),
    under(`${status}, p99 at half the rate`, quiet.p99Millis, 5, 'ms', ` (bare at that rate ${shown(bareQuiet.p99Millis)})`),
    fact(`${status}, processor time an answer`, `${shown(cpu)} µs (bare ${shown(bareCpu)})`),
  ];
}

function open({ served }: Server): Promise<Connection[]> {
  return Promise.all(Array.from({ length: CONNECTIONS }, () => Connection.open(served.url)));
}

function askers(server: Server, connections: readonly Connection[], tags: readonly string[]): Asker[] {
  return connections.map((connection, index) => ({ connection, request: readFor(server, index, tags[index]) }));
}

function tagsOf(server: Server, connections: readonly Connection[], shown: readonly string[]): Promise<string[]> {
  return Promise.all(askers(server, connections, shown).map(async ({ connection, request }) => etagIn(await connection.get(request))));
}

function readFor({ served: { url, headers } }: Server, index: number, tag: string | undefined): Buffer {
  const named = { ...headers, 'keyturn-instance': `bench-${index}`, ...(tag !== undefined && { 'if-none-match': tag }) };
  return requestFor('GET', `${url}/v1/keyrings/web/keys`, named);
}

/** As long as the real one, without its keys: it is an argument of a process. */
async function bodyOf({ served: { url, headers } }: Server): Promise<string> {
  const answer = await fetch(`${url}/v1/keyrings/web/keys`, { headers });
  return (await answer.text()).replace(/[0-9a-f]{64}/g, '0'.repeat(64));
}
