import type { Connection } from './connection.ts';
import { median, quantile } from './row.ts';
import type { Server } from './server-process.ts';

export interface Figures {
  readonly requestsPerSecond: number;
  readonly p99Millis: number;
  /** Processor time of the server, all its threads, for one answer. It tells more than the rate where others use the machine too. */
  readonly cpuMicros: number;
}

/** A connection and what it asks again and again. */
export interface Asker {
  readonly connection: Connection;
  readonly request: Buffer;
}

/** Every connection asks as soon as it has its answer. @throws when an answer was not the one expected */
export function atFullRate(server: Server, askers: readonly Asker[], expected: readonly number[], seconds: number): Promise<Figures> {
  return measure(server, expected, (count) => {
    const end = performance.now() + seconds * 1_000;
    const again = ({ connection, request }: Asker): Promise<void> =>
      new Promise((resolve) => {
        const ask = (): void => {
          const asked = performance.now();
          if (asked >= end) return void resolve();
          connection.ask(request, (status) => {
            count(status, performance.now() - asked);
            ask();
          });
        };
        ask();
      });
    return Promise.all(askers.map(again));
  });
}

/** So many a second over all connections, each asked for at its time: waiting for a free connection counts as waiting for the answer. */
export function atRate(
  server: Server,
  askers: readonly Asker[],
  expected: readonly number[],
  seconds: number,
  rate: number,
): Promise<Figures> {
  return measure(server, expected, async (count) => {
    const idle = [...askers];
    const queue: number[] = [];
    const began = performance.now();
    let asked = 0;
    let answered = 0;
    const send = (since: number): void => {
      const asker = idle.shift();
      if (asker === undefined) return void queue.push(since);
      asker.connection.ask(asker.request, (status) => {
        count(status, performance.now() - since);
        answered++;
        idle.push(asker);
        const next = queue.shift();
        if (next !== undefined) send(next);
      });
    };
    while (performance.now() - began < seconds * 1_000) {
      const now = performance.now();
      for (const due = ((now - began) / 1_000) * rate; asked < due; asked++) send(now);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    while (answered < asked) await new Promise((resolve) => setTimeout(resolve, 1));
  });
}

/** The 99th percentile in milliseconds, the median of three such stretches: one would be at the mercy of a few answers. */
export async function p99Of(stretch: () => Promise<Figures>): Promise<number> {
  const found = [await stretch(), await stretch(), await stretch()];
  return median(found.map(({ p99Millis }) => p99Millis));
}

async function measure(
  server: Server,
  expected: readonly number[],
  run: (count: (status: number, millis: number) => void) => Promise<unknown>,
): Promise<Figures> {
  const times: number[] = [];
  let wrong = 0;
  // garbage of before, collected while answers are awaited, would be taken for slow answers
  globalThis.gc?.();
  const before = await server.usage();
  const began = performance.now();
  await run((status, millis) => {
    times.push(millis);
    if (!expected.includes(status)) wrong++;
  });
  const seconds = (performance.now() - began) / 1_000;
  const { cpuMicros } = await server.usage();
  if (wrong > 0) throw new Error(`${wrong} of ${times.length} answers were not ${expected.join(' or ')}`);
  return {
    requestsPerSecond: times.length / seconds,
    p99Millis: quantile(times, 0.99),
    cpuMicros: (cpuMicros - before.cpuMicros) / times.length,
  };
}
