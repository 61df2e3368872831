import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeRecoveryKey } from '../../src/backup/recovery-key.ts';
import { systemTimers } from '../../src/clock.ts';
import { restoreBackup } from '../../src/compose/restore.ts';
import { openService } from '../../src/compose/service.ts';
import { codeOf } from '../../src/core/errors.ts';
import { createLogger } from '../../src/logger.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { storeRandom as random } from '../support/sqlite.ts';
import type { Spec } from './child.ts';
import { judge, Memory } from './judge.ts';
import { runChild } from './killed.ts';
import { killUnderLoad } from './load.ts';
import { isMove, killMove, MOVES, type Move } from './moves.ts';
import type { KillPoint } from './probes.ts';
import { caller, crashSettings, LEAP } from './support.ts';

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
  ...MOVES,
  'load',
] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface Killed {
  readonly operation: Operation;
  readonly point: KillPoint;
  /** False where the child came to its end: the step was not passed so often this time. */
  readonly killed: boolean;
  readonly violations: readonly string[];
}

export interface Round {
  readonly killed: boolean;
  readonly counted: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

/** One death that is wanted. */
export interface Plan {
  readonly operation: Operation;
  readonly point: KillPoint;
}

/** Rounds on one data folder; then a new one, so that a look at it stays cheap. */
const ROUNDS_A_FOLDER = 12;

/** One data folder through many deaths. */
export class Life {
  readonly folder = mkdtempSync(join(tmpdir(), 'keyturn-crash-'));
  readonly memory = new Memory();
  readonly #underLoad = new Memory();
  readonly #recovery = makeRecoveryKey(random);
  readonly #postgres: TestPostgres | null;
  offset = 0;
  rounds = 0;

  /** @param postgres where some moves go to or come from */
  private constructor(postgres: TestPostgres | null) {
    this.#postgres = postgres;
  }

  get dataDir(): string {
    return join(this.folder, 'data');
  }

  static async begun(postgres: TestPostgres | null): Promise<Life> {
    const life = new Life(postgres);
    await life.begin();
    return life;
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

  /** The folder of the load has a clock of its own: the real one. */
  async loaded(point: KillPoint | null): Promise<Round> {
    const dataDir = join(this.folder, 'loaded');
    const { killed, answered } = await killUnderLoad(dataDir, String(++this.rounds), point?.nth ?? 300);
    this.#underLoad.answered.push(...answered);
    return { killed, counted: {}, violations: await judge(dataDir, 0, this.#underLoad) };
  }

  async round(operation: Operation, point: KillPoint | null): Promise<Round> {
    if (operation === 'load') return this.loaded(point);
    if (isMove(operation)) return this.moved(operation, point);
    const run = String(++this.rounds);
    const dataDir = operation === 'restore' ? join(this.folder, `restored-${run}`) : this.dataDir;
    const { killed, lines, counted, trouble } = await runChild(this.#spec({ operation, run, point, dataDir }));
    if (trouble !== null) return { killed, counted, violations: [trouble] };
    if (operation in LEAP) this.offset += LEAP[operation as keyof typeof LEAP];
    if (operation === 'restore') return { killed, counted, violations: await this.#judgeRestore(dataDir) };
    this.memory.answered.push(...lines);
    return { killed, counted, violations: await judge(dataDir, this.offset, this.memory) };
  }

  /** A copy of the folder is moved, so that the next rounds have something left. */
  async moved(operation: Move, point: KillPoint | null): Promise<Round> {
    const run = String(++this.rounds);
    const folder = join(this.folder, `moved-${run}`);
    const clock = this.#clock();
    const killed = (given: Pick<Spec, 'dataDir' | 'move'>) => runChild(this.#spec({ operation, run, point, ...given }));
    const round = await killMove(
      operation,
      { folder, clock, offset: this.offset, known: this.memory, postgres: this.#postgres, killed },
      this.dataDir,
    );
    rmSync(folder, { recursive: true, force: true });
    return round;
  }

  #spec(given: Pick<Spec, 'operation' | 'run' | 'point' | 'dataDir'> & Partial<Spec>): Spec {
    const { recipient, recoveryKey } = this.#recovery;
    return {
      offset: this.offset,
      recipient,
      backup: join(this.folder, 'backup'),
      recoveryKey: recoveryKey.reveal(),
      move: null,
      ...given,
    };
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

export interface CampaignOptions {
  readonly plans: readonly Plan[];
  readonly kills: number;
  readonly postgres?: TestPostgres | null;
  readonly told?: (killed: Killed) => void;
}

/** Kills at the points in their order, again from the first one after the last, until there were so many deaths. */
export async function campaign({ plans, kills, postgres = null, told = () => undefined }: CampaignOptions): Promise<Killed[]> {
  const done: Killed[] = [];
  let life = await Life.begun(postgres);
  let deaths = 0;
  for (const { operation, point } of endlessly(plans)) {
    if (deaths >= kills) break;
    if (life.rounds >= ROUNDS_A_FOLDER) {
      life.end();
      life = await Life.begun(postgres);
    }
    const failed = (error: unknown) => ({ killed: true, violations: [`${codeOf(error)}: ${String(error)}`] });
    const { killed, violations } = await life.round(operation, point).catch(failed);
    if (killed) deaths++;
    const killing = { operation, point, killed, violations };
    done.push(killing);
    told(killing);
    // what is broken stays out of the next rounds
    if (violations.length > 0) life.rounds = ROUNDS_A_FOLDER;
  }
  life.end();
  return done;
}

function* endlessly<Item>(items: readonly Item[]): Generator<Item> {
  while (items.length > 0) yield* items;
}

/** Moments under load, in milliseconds from its beginning. */
const MOMENTS = 40;
const LATEST = 1_500;

/** Runs each operation once, unharmed, to learn which steps it passes how often. Each is a point to die at, in an order that the seed decides. */
export async function everyPoint(operations: readonly Operation[], seed: number, postgres: TestPostgres | null): Promise<Plan[]> {
  const draw = generator(seed);
  const plans: Plan[] = [];
  const life = await Life.begun(postgres);
  for (const operation of operations) {
    if (operation === 'load') plans.push(...momentsUnderLoad(draw));
    else plans.push(...(await pointsOf(life, operation)));
  }
  life.end();
  return shuffled(plans, draw);
}

function momentsUnderLoad(draw: () => number): Plan[] {
  const moment = (): Plan => ({ operation: 'load', point: { step: 'random moment', nth: Math.floor(draw() * LATEST), when: 'after' } });
  return Array.from({ length: MOMENTS }, moment);
}

async function pointsOf(life: Life, operation: Operation): Promise<Plan[]> {
  const { counted, violations } = await life.round(operation, null);
  if (violations.length > 0) throw new Error(`${operation}, not killed at all: ${violations.join('; ')}`);
  const calls = Object.entries(counted).flatMap(([step, count]) => Array.from({ length: count }, (_, index) => ({ step, nth: index + 1 })));
  return calls.flatMap((call) => (['before', 'after'] as const).map((when) => ({ operation, point: { ...call, when } })));
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
