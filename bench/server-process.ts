import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };

/** The service is measured with the options of Node that `npm start` gives it; so is the bare server. */
const NODE_OPTIONS = packageJson.scripts.start.split(' ').filter((word) => word.startsWith('--'));

/** What the load needs to know of a server. */
export interface Served {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** From the start of its process until it listened. */
  readonly startMillis: number;
}

export interface Usage {
  /** So far, all threads. */
  readonly cpuMicros: number;
  readonly residentBytes: number;
}

/** What a server does when it is told to: `jump` sets its clock forward. */
export type Order = { readonly do: 'usage' } | { readonly do: 'sweep' } | { readonly do: 'jump'; readonly millis: number };

export interface Server {
  readonly served: Served;
  usage(): Promise<Usage>;
  /** Milliseconds that it took. */
  sweep(): Promise<number>;
  jump(millis: number): Promise<void>;
  stop(): Promise<void>;
}

/** Starts `bench/server.ts`, a process of its own, so that the load does not share its thread, and waits until it listens. */
export async function start(...args: string[]): Promise<Server> {
  const began = performance.now();
  const child = fork(join(import.meta.dirname, 'server.ts'), args, {
    execArgv: NODE_OPTIONS,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [served] = (await once(child, 'message')) as [Omit<Served, 'startMillis'>];
  const startMillis = performance.now() - began;
  async function ask<Reply>(order: Order): Promise<Reply> {
    child.send(order);
    const [reply] = (await once(child, 'message')) as [Reply];
    return reply;
  }
  return {
    served: { ...served, startMillis },
    usage: () => ask({ do: 'usage' }),
    sweep: () => ask({ do: 'sweep' }),
    jump: (millis) => ask({ do: 'jump', millis }),
    async stop() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

/** With a data folder that is removed afterwards. */
export async function withFolder<Result>(body: (dataDir: string) => Promise<Result>): Promise<Result> {
  const dataDir = mkdtempSync(join(tmpdir(), 'keyturn-bench-'));
  try {
    return await body(dataDir);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** A call that must succeed. */
export async function act({ served: { url, headers } }: Server, path: string, body: object): Promise<void> {
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}
