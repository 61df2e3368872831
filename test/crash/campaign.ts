import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeRecoveryKey } from '../../src/backup/recovery-key.ts';
import { systemTimers } from '../../src/clock.ts';
import { restoreBackup } from '../../src/compose/restore.ts';
import { openService } from '../../src/compose/service.ts';
import { codeOf } from '../../src/core/errors.ts';
import { createLogger } from '../../src/logger.ts';
import type { Spec } from './child.ts';
import { type Answered, judge, Memory } from './judge.ts';
import type { KillPoint } from './probes.ts';
import { caller, crashSettings, LEAP, random } from './support.ts';

export const OPERATIONS = [
  'create',
  'import',
  'take over',
  'scheduled',
  'immediate',
  'emergency',
  'revoke',
  'slot',
  'destroy',
  'purge',
  'read',
  'rekey',
  'backup',
  'restore',
] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface Killed {
  readonly operation: Operation;
  readonly point: KillPoint;
  /** False where the child came to its end: the step was not passed so often this time. */
  readonly killed: boolean;
  readonly violations: readonly string[];
}

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
/** Rounds on one data folder; then a new one, so that a look at it stays cheap. */
const ROUNDS_A_FOLDER = 12;

/** One data folder through many deaths. */
class Life {
  readonly folder = mkdtempSync(join(tmpdir(), 'keyturn-crash-'));
  readonly memory = new Memory();
  readonly #recovery = makeRecoveryKey(random);
  offset = 0;
  rounds = 0;

  get dataDir(): string {
    return join(this.folder, 'data');
  }

  /** The first start, a keyring with a rotation behind it, and a backup. */
  async begin(): Promise<void> {
    const surroundings = { clock: this.#clock(), timers: systemTimers, random, logger: createLogger('silent') };
    const service = await openService(crashSettings(this.dataDir, this.#recovery.recipient), surroundings);
    const call = caller(service.app, this.dataDir);
    await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'first' } });
    await call({ method: 'POST', url: '/v1/keyrings/first/rotate', payload: { kind: 'immediate', reason: 'first' } });
    const headers = { authorization: `Bearer ${service.firstToken?.text.reveal()}` };
    writeFileSync(join(this.folder, 'backup'), (await service.app.inject({ method: 'POST', url: '/v1/backup', headers })).rawPayload);
    await service.stop();
  }

  async round(
    operation: Operation,
    point: KillPoint | null,
  ): Promise<{ killed: boolean; counted: Record<string, number>; violations: string[] }> {
    const run = String(++this.rounds);
    const dataDir = operation === 'restore' ? join(this.folder, `restored-${run}`) : this.dataDir;
    const spec: Spec = {
      dataDir,
      operation,
      run,
      point,
      offset: this.offset,
      recipient: this.#recovery.recipient,
      backup: join(this.folder, 'backup'),
      recoveryKey: this.#recovery.recoveryKey.reveal(),
    };
    const { killed, lines, counted, trouble } = await runChild(spec);
    if (trouble !== null) return { killed, counted, violations: [trouble] };
    if (operation in LEAP) this.offset += LEAP[operation as keyof typeof LEAP];
    if (operation === 'restore') return { killed, counted, violations: await this.#judgeRestore(dataDir) };
    this.memory.answered.push(...lines);
    return { killed, counted, violations: await judge(dataDir, this.offset, this.memory) };
  }

  end(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #clock() {
    return { now: () => Date.now() + this.offset, uptime: () => Math.floor(performance.now()) };
  }

  /** A restore that was killed is run again, as the service says that it must be; its folder is a life of its own. */
  async #judgeRestore(dataDir: string): Promise<string[]> {
    process.env.KEYTURN_DATA_DIR = dataDir;
    const request = {
      file: join(this.folder, 'backup'),
      recoveryKey: this.#recovery.recoveryKey,
      since: 'nothing-revoked',
      audit: null,
      keepTokens: true,
    } as const;
    await restoreBackup(request, { clock: this.#clock(), random });
    delete process.env.KEYTURN_DATA_DIR;
    writeFileSync(join(dataDir, 'admin.token'), readToken(this.dataDir), { mode: 0o600 });
    const memory = new Memory();
    memory.versions.add('first/1').add('first/2');
    const violations = await judge(dataDir, this.offset, memory);
    rmSync(dataDir, { recursive: true, force: true });
    return violations;
  }
}

function readToken(dataDir: string): string {
  return readFileSync(join(dataDir, 'admin.token'), 'utf8');
}

interface ChildEnd {
  readonly killed: boolean;
  readonly lines: Answered[];
  readonly counted: Record<string, number>;
  /** It ended in a way that nobody wanted. */
  readonly trouble: string | null;
}

/** tap puts a loader of its own into every process of Node that a test starts; the child is to run as anywhere. */
async function runChild(spec: Spec): Promise<ChildEnd> {
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

export interface CampaignOptions {
  readonly operations?: readonly Operation[];
  /** How many deaths; fewer where every point of every operation was visited twice. */
  readonly kills: number;
  readonly seed: number;
  readonly told?: (killed: Killed) => void;
}

/**
 * Counts what steps each operation passes, then kills it at them in an order that the seed decides. A point is visited again only after all others were.
 */
export async function campaign({ operations = OPERATIONS, kills, seed, told = () => undefined }: CampaignOptions): Promise<Killed[]> {
  const draw = generator(seed);
  const done: Killed[] = [];
  let life = new Life();
  await life.begin();
  const points: { operation: Operation; point: KillPoint }[] = [];
  for (const operation of operations) {
    const { counted, violations } = await life.round(operation, null);
    if (violations.length > 0) throw new Error(`${operation}, not killed at all: ${violations.join('; ')}`);
    for (const [step, count] of Object.entries(counted))
      for (let nth = 1; nth <= count; nth++)
        for (const when of ['before', 'after'] as const) points.push({ operation, point: { step, nth, when } });
  }
  let queue = shuffled(points, draw);
  while (done.filter(({ killed }) => killed).length < kills) {
    if (queue.length === 0) queue = shuffled(points, draw);
    if (life.rounds >= ROUNDS_A_FOLDER) {
      life.end();
      life = new Life();
      await life.begin();
    }
    const { operation, point } = queue.shift() ?? { operation: 'create' as const, point: { step: '', nth: 0, when: 'before' as const } };
    const { killed, violations } = await life
      .round(operation, point)
      .catch((error: unknown) => ({ killed: true, violations: [`${codeOf(error)}: ${String(error)}`] }));
    const killing = { operation, point, killed, violations };
    done.push(killing);
    told(killing);
    if (violations.length > 0) life.rounds = ROUNDS_A_FOLDER;
  }
  life.end();
  return done;
}

/** One after the other from each operation, so that few kills already visit all of them. */
function shuffled<Item extends { operation: string }>(items: readonly Item[], draw: () => number): Item[] {
  const lists = new Map<string, Item[]>();
  const mixed = items.map((item) => ({ item, at: draw() })).sort((a, b) => a.at - b.at);
  for (const { item } of mixed) lists.set(item.operation, [...(lists.get(item.operation) ?? []), item]);
  const queue: Item[] = [];
  for (let turn = 0; queue.length < items.length; turn++) for (const list of lists.values()) queue.push(...list.slice(turn, turn + 1));
  return queue;
}

/** Numbers from 0 to 1 that follow from the seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
