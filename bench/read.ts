import Table from 'cli-table3';
import { type Figures, load, median, type Server, start } from './load.ts';

/**
 * `GET …/keys`, with authentication, metrics, lease and a durable audit record before each answer, beside a bare Fastify route that returns the
 * same bytes: in turn, in one run. Then the latency at half the rate. Usage: npm run bench -- [rounds] [seconds] [connections] [thread|inline|postgres]
 */
const [rounds = 5, seconds = 4, connections = 256] = process.argv.slice(2, 5).map(Number);
const how = process.argv[5] ?? 'thread';
const keyturn = await start(how === 'thread' ? 'keyturn' : how);
const bare = await start('bare', keyturn.served.body.replace(/[0-9a-f]{64}/g, '0'.repeat(64)));
const table = new Table({
  head: ['answer', 'keyturn req/s', 'bare req/s', 'ratio', 'p99 ms', 'bare p99', 'p99 at half rate', 'CPU µs', 'bare CPU µs'],
  style: { head: [], border: [] },
});

interface Pair {
  readonly ours: Figures;
  readonly theirs: Figures;
}

async function pairs(expected: 200 | 304): Promise<Pair[]> {
  const full = { expected, seconds, connections, rate: null };
  const measured: Pair[] = [];
  for (let round = 0; round <= rounds; round++) {
    const pair = { ours: await load(keyturn, full), theirs: await load(bare, full) };
    if (round > 0) measured.push(pair); // the first warms up
  }
  return measured;
}

async function atHalfRate(server: Server, expected: 200 | 304, rate: number): Promise<number> {
  return (await load(server, { expected, seconds, connections, rate: Math.round(rate / 2) })).p99Millis;
}

for (const expected of [200, 304] as const) {
  const measured = await pairs(expected);
  const middle = (of: (pair: Pair) => number): number => median(measured.map(of));
  const rate = middle(({ ours }) => ours.requestsPerSecond);
  table.push([
    String(expected),
    rate.toFixed(0),
    middle(({ theirs }) => theirs.requestsPerSecond).toFixed(0),
    middle(({ ours, theirs }) => ours.requestsPerSecond / theirs.requestsPerSecond).toFixed(2),
    String(middle(({ ours }) => ours.p99Millis)),
    String(middle(({ theirs }) => theirs.p99Millis)),
    String(await atHalfRate(keyturn, expected, rate)),
    middle(({ ours }) => ours.cpuMicros).toFixed(1),
    middle(({ theirs }) => theirs.cpuMicros).toFixed(1),
  ]);
}

console.log(`medians of ${rounds} rounds of ${seconds} s, ${connections} connections, node ${process.version}`);
console.log(table.toString());
keyturn.child.disconnect();
bare.child.disconnect();
