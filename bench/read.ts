import Table from 'cli-table3';
import { type Figures, load, median, start } from './load.ts';

/** `GET …/keys` beside a bare Fastify route that returns the same bytes, in turn, in one run. Usage: npm run bench [rounds] [seconds] */
const rounds = Number(process.argv[2] ?? 5);
const seconds = Number(process.argv[3] ?? 4);
const CONNECTIONS = 64;

const keyturn = await start('keyturn');
const bare = await start('bare', keyturn.served.body.replace(/[0-9a-f]{64}/g, '0'.repeat(64)));
const table = new Table({
  head: ['answer', 'keyturn req/s', 'bare req/s', 'ratio', 'keyturn p99 ms', 'bare p99 ms'],
  style: { head: [], border: [] },
});

for (const expected of [200, 304] as const) {
  const ours: Figures[] = [];
  const theirs: Figures[] = [];
  for (let round = 0; round < rounds + 1; round++) {
    const pair = [
      await load(keyturn.served, expected, seconds, CONNECTIONS),
      await load(bare.served, expected, seconds, CONNECTIONS),
    ] as const;
    if (round === 0) continue; // warm-up
    ours.push(pair[0]);
    theirs.push(pair[1]);
  }
  const ratios = ours.map(({ requestsPerSecond }, index) => requestsPerSecond / (theirs[index]?.requestsPerSecond ?? Number.NaN));
  const [rate, bareRate] = [ours, theirs].map((figures) => Math.round(median(figures.map((figure) => figure.requestsPerSecond))));
  const [p99, bareP99] = [ours, theirs].map((figures) => median(figures.map((figure) => figure.p99Millis)));
  table.push([String(expected), String(rate), String(bareRate), median(ratios).toFixed(2), String(p99), String(bareP99)]);
}

console.log(`medians of ${rounds} rounds of ${seconds} s, ${CONNECTIONS} connections, node ${process.version}`);
console.log(table.toString());
keyturn.child.disconnect();
bare.child.disconnect();
