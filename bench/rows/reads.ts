import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Connection, etagIn, requestFor } from '../connection.ts';
import { type Asker, atFullRate, atRate, type Figures, p99Of } from '../load.ts';
import { fact, least, median, type Result, shown, under } from '../row.ts';
import { act, type Server, start, withFolder } from '../server-process.ts';

const CONNECTIONS = 256;
/** Many and short, so that servers which are compared meet the same moods of a shared machine. */
const ROUNDS = 15;
const SECONDS = 1;
/** A percentile is of stretches longer than what comes round by itself: on the machine of docs/performance.md the kernel takes a processor for 20 ms every 5 s. */
const STRETCH_SECONDS = 10;
const WARM_UP_SECONDS = 4;
/** Two runs of one thing differ by as much. */
const SAME = 0.95;

/** Requests that the same connections send for a 200 (a tag of before the last change, as whoever missed it sends) and for a 304. */
interface Fleet {
  readonly server: Server;
  readonly 200: readonly Asker[];
  readonly 304: readonly Asker[];
}

/** In the order of a round: each is measured in turn with the others. */
type Fleets = Readonly<Record<string, Fleet>>;

/**
 * `GET …/keys` with authentication, metrics, lease and a durable audit record before each answer, beside a bare Fastify route that returns the
 * same bytes: in turn, in one run, over as many connections. Each connection is an instance that has asked before.
 */
export function reads(): Promise<Result[]> {
  return withFleets(['keyturn'], async (fleets) => [...(await embedded(fleets, 200, 0.75)), ...(await embedded(fleets, 304, 0.8))]);
}

/**
 * The same from the embedded store and from a PostgreSQL server on this machine, which must be installed, in one run. Only on demand: `--only
 * postgres`.
 */
export function postgresReads(): Promise<Result[]> {
  return withFleets(['keyturn', 'postgres'], async (fleets) => [...(await both(fleets, 200)), ...(await both(fleets, 304))]);
}

/** With a service of each kind, and a bare server that answers as they do. */
function withFleets<Answer>(kinds: readonly string[], body: (fleets: Fleets) => Promise<Answer>): Promise<Answer> {
  return withFolder(async (dataDir) => {
    const fleets: Record<string, Fleet> = {};
    const ends: (() => unknown)[] = [];
    let served = '';
    for (const kind of kinds) {
      mkdirSync(join(dataDir, kind));
      const server = await start(kind, join(dataDir, kind));
      await act(server, '/v1/keyrings', { name: 'web' });
      const connections = await open(server);
      const stale = await tagsOf(server, connections, []);
      await act(server, '/v1/keyrings/web/rotate', { reason: 'bench', kind: 'immediate' });
      const fresh = await tagsOf(server, connections, stale);
      fleets[kind] = { server, 200: askers(server, connections, stale), 304: askers(server, connections, fresh) };
      ends.push(() => connections.map((connection) => connection.close()), server.stop);
      served = await bodyOf(server);
    }
    const server = await start('bare', served);
    const connections = await open(server);
    const fresh = await tagsOf(server, connections, []);
    const stale = connections.map(() => '"stale"');
    fleets.bare = { server, 200: askers(server, connections, stale), 304: askers(server, connections, fresh) };
    ends.push(() => connections.map((connection) => connection.close()), server.stop);
    const answer = await body(fleets);
    for (const end of ends) await end();
    return answer;
  });
}

/** What each fleet does in rounds, by its kind. */
async function rounds(fleets: Fleets, status: 200 | 304): Promise<Readonly<Record<string, Figures>>[]> {
  const found: Record<string, Figures>[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const figures: Record<string, Figures> = {};
    for (const [kind, { server, [status]: asked }] of Object.entries(fleets)) {
      figures[kind] = await atFullRate(server, asked, [status], SECONDS);
    }
    if (round > 0) found.push(figures); // the first warms up
  }
  return found;
}

async function embedded(fleets: Fleets, status: 200 | 304, target: number): Promise<Result[]> {
  const found = await rounds(fleets, status);
  const rate = median(found.map(({ keyturn }) => rateOf(keyturn)));
  const ratio = median(found.map(({ keyturn, bare }) => rateOf(keyturn) / rateOf(bare)));
  const half = (kind: string) => atHalf(fleets, kind, status, rate);
  const [quiet, bareQuiet] = [await half('keyturn'), await half('bare')];
  const cpu = median(found.map(({ keyturn }) => keyturn?.cpuMicros ?? Number.NaN));
  const bareCpu = median(found.map(({ bare }) => bare?.cpuMicros ?? Number.NaN));
  return [
    least(`${status}, of bare Fastify's rate`, ratio, target, inWords(found, 'keyturn', ratio)),
    under(`${status}, p99 at half the rate`, quiet, 5, 'ms', ` (bare at that rate ${shown(bareQuiet)})`),
    fact(`${status}, processor time an answer`, `${shown(cpu)} µs (bare ${shown(bareCpu)})`),
  ];
}

async function both(fleets: Fleets, status: 200 | 304): Promise<Result[]> {
  const found = await rounds(fleets, status);
  const ratioOf = (kind: string) => median(found.map((figures) => rateOf(figures[kind]) / rateOf(figures.bare)));
  const [sqlite, postgres] = [ratioOf('keyturn'), ratioOf('postgres')];
  const rate = median(found.map((figures) => rateOf(figures.postgres)));
  const quiet = await atHalf(fleets, 'postgres', status, rate);
  return [
    fact(`${status}, SQLite, of bare Fastify's rate`, inWords(found, 'keyturn', sqlite)),
    fact(`${status}, PostgreSQL, of bare Fastify's rate`, inWords(found, 'postgres', postgres)),
    least(`${status}, the second ratio, of the first`, postgres / sqlite, SAME, shown(postgres / sqlite)),
    under(`${status}, PostgreSQL, p99 at half its rate`, quiet, 5, 'ms'),
  ];
}

/** The 99th percentile of a kind, in milliseconds, once it is warm. */
async function atHalf(fleets: Fleets, kind: string, status: 200 | 304, rate: number): Promise<number> {
  const fleet = fleets[kind];
  if (fleet === undefined) throw new Error(`no fleet of ${kind}`);
  const stretch = (seconds: number) => atRate(fleet.server, fleet[status], [status], seconds, rate / 2);
  await stretch(WARM_UP_SECONDS);
  return p99Of(() => stretch(STRETCH_SECONDS));
}

function rateOf(figures: Figures | undefined): number {
  return figures?.requestsPerSecond ?? Number.NaN;
}

function inWords(found: readonly Readonly<Record<string, Figures>>[], kind: string, ratio: number): string {
  const [rate, bareRate] = [kind, 'bare'].map((each) => shown(median(found.map((figures) => rateOf(figures[each])))));
  return `${ratio.toFixed(2)} (${rate} of ${bareRate} a second)`;
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
