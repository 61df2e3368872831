import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import autocannon from 'autocannon';
import type { Served } from './servers.ts';

export interface Figures {
  readonly requestsPerSecond: number;
  readonly p99Millis: number;
  /** Processor time of the server, all its threads, for one answer. It tells more than the rate where others use the machine too. */
  readonly cpuMicros: number;
}

export interface Load {
  readonly expected: 200 | 304;
  readonly seconds: number;
  readonly connections: number;
  /** Requests per second over all connections; null = as many as it takes. */
  readonly rate: number | null;
}

export interface Server {
  readonly served: Served;
  readonly child: ChildProcess;
}

/** Starts `bench/server.ts` and waits until it listens. */
export async function start(...args: string[]): Promise<Server> {
  const child = fork(join(import.meta.dirname, 'server.ts'), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [served] = (await once(child, 'message')) as [Served];
  return { served, child };
}

/** Load over kept-alive connections, each an instance of its own. @throws when an answer was not the one expected */
export async function load(server: Server, { expected, seconds, connections, rate }: Load): Promise<Figures> {
  const { url, headers, etag } = server.served;
  const conditional = expected === 304 ? { 'if-none-match': etag } : {};
  let instance = 0;
  const before = await cpuOf(server);
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    ...(rate !== null && { overallRate: rate }),
    setupClient: (client) => client.setHeaders({ ...headers, ...conditional, 'keyturn-instance': `bench-${instance++ % connections}` }),
  });
  const cpu = (await cpuOf(server)) - before;
  const right = expected === 200 ? result['2xx'] : result['3xx'];
  if (result.errors > 0 || right !== result.requests.total)
    throw new Error(`${result.requests.total - right} of ${result.requests.total} answers were wrong, ${result.errors} errors`);
  return { requestsPerSecond: result.requests.average, p99Millis: result.latency.p99, cpuMicros: cpu / result.requests.total };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Microseconds so far. */
async function cpuOf({ child }: Server): Promise<number> {
  child.send('cpu');
  const [micros] = (await once(child, 'message')) as [number];
  return micros;
}
