import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import autocannon from 'autocannon';
import type { Served } from './servers.ts';

export interface Figures {
  readonly requestsPerSecond: number;
  readonly p99Millis: number;
}

/** Starts `bench/server.ts` and waits until it listens. */
export async function start(...args: string[]): Promise<{ readonly served: Served; readonly child: ChildProcess }> {
  const child = fork(join(import.meta.dirname, 'server.ts'), args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [served] = (await once(child, 'message')) as [Served];
  return { served, child };
}

/** Load for some seconds over kept-alive connections. @throws when an answer was not the one expected */
export async function load({ url, headers, etag }: Served, expected: 200 | 304, seconds: number, connections: number): Promise<Figures> {
  const conditional = expected === 304 ? { 'if-none-match': etag } : {};
  const result = await autocannon({ url, headers: { ...headers, ...conditional }, connections, duration: seconds });
  const right = expected === 200 ? result['2xx'] : result['3xx'];
  if (result.errors > 0 || right !== result.requests.total)
    throw new Error(`${result.requests.total - right} of ${result.requests.total} answers were wrong`);
  return { requestsPerSecond: result.requests.average, p99Millis: result.latency.p99 };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
