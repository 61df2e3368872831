import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Spec } from './child.ts';
import type { Answered } from './judge.ts';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));

export interface ChildEnd {
  readonly killed: boolean;
  readonly lines: Answered[];
  readonly counted: Record<string, number>;
  /** It ended in a way that nobody wanted. */
  readonly trouble: string | null;
}

/** tap puts a loader of its own into every process of Node that a test starts; the child is to run as anywhere. */
export async function runChild(spec: Spec): Promise<ChildEnd> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(spec)], {
    env: { PATH: process.env.PATH ?? '', KEYTURN_DATA_DIR: spec.dataDir, NODE_COMPILE_CACHE: join(tmpdir(), 'keyturn-crash-cache') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: Record<'stdout' | 'stderr', string[]> = { stdout: [], stderr: [] };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => void output[stream].push(text));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  const [out, err] = [output.stdout.join(''), output.stderr.join('')];
  const told = out
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  const counted = told.find((line) => 'counted' in line)?.counted ?? {};
  const killed = signal === 'SIGKILL';
  const trouble = killed || code === 0 ? null : `the child ended with ${code}: ${err.slice(-2000)}`;
  return { killed, lines: told.filter((line) => !('counted' in line)), counted, trouble };
}
