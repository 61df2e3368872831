import { copyFileSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { systemTimers } from '../../src/clock.ts';
import { auditTools } from '../../src/compose/audit-tools.ts';
import { openFoundation } from '../../src/compose/foundation.ts';
import { callOffIn, migrateBetween } from '../../src/compose/migrate.ts';
import { openService } from '../../src/compose/service.ts';
import { codeOf } from '../../src/core/errors.ts';
import { createLogger } from '../../src/logger.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { freshSchema } from '../support/postgres-store.ts';
import { storeRandom as random } from '../support/sqlite.ts';
import type { Round } from './campaign.ts';
import type { Spec } from './child.ts';
import { judge, Memory } from './judge.ts';
import type { ChildEnd } from './killed.ts';
import { beside } from './replica.ts';
import { caller, type Place, settingsOf } from './support.ts';

/** `keyturn migrate`, from folder to folder, to and from PostgreSQL, and its calling off. */
export const MOVES = ['migrate', 'migrate to postgres', 'migrate from postgres', 'call off'] as const;
export type Move = (typeof MOVES)[number];

export function isMove(operation: string): operation is Move {
  return MOVES.some((move) => move === operation);
}

/** What applications have: for each keyring the ETag of its keys. */
type Held = ReadonlyMap<string, string>;

export interface MoveRound {
  /** Not there yet. */
  readonly folder: string;
  readonly clock: Clock;
  readonly offset: number;
  readonly known: Memory;
  readonly postgres: TestPostgres | null;
  readonly killed: (given: Pick<Spec, 'dataDir' | 'move'>) => Promise<ChildEnd>;
}

interface Judged extends Pick<MoveRound, 'clock' | 'offset' | 'known'> {
  readonly from: Place;
  readonly to: Place;
  /** What the old store served. */
  readonly before: Held;
  /** Holds the file with the admin token: tokens move, and it does not. */
  readonly tokenIn: string;
}

/** Moves a copy of a data folder in a process that is killed, and judges what is there then. */
export async function killMove(operation: Move, round: MoveRound, dataDir: string): Promise<Round> {
  const { folder, clock, killed } = round;
  const first: Place = { dataDir: join(folder, 'old'), postgres: null };
  const last: Place = { dataDir: join(folder, 'new'), postgres: null };
  cpSync(dataDir, first.dataDir, { recursive: true });
  const before = await served(first, first.dataDir, clock);
  if (before === null) throw new Error('there is nothing to move');
  const via = operation.includes('postgres') ? schemaIn(round) : null;
  if (via !== null && operation === 'migrate from postgres') await move(first, via, clock);
  const [from, to] = via === null ? [first, last] : operation === 'migrate to postgres' ? [first, via] : [via, last];

  await using replica = from.postgres === null ? null : await beside(settingsOf(from), surroundings(clock), first.dataDir);
  const { killed: died, counted, trouble } = await killed({ dataDir: from.dataDir, move: { from, to } });
  // a database that did not answer in time ends it as well as a kill
  if (trouble !== null && !trouble.includes("code: 'store_unavailable'")) return { killed: died, counted, violations: [trouble] };
  const judged = { ...round, from, to, before, tokenIn: first.dataDir };
  if (operation === 'call off') return { killed: died, counted, violations: await judgeCallOff(judged) };
  await replica?.change();
  const violations = await judgeMove(judged, replica?.changed?.keyring);
  violations.push(...((await replica?.end()) ?? []));
  if (to !== last) await move(to, last, clock);
  copyFileSync(join(first.dataDir, 'admin.token'), join(last.dataDir, 'admin.token'));
  const memory = inherited(round.known);
  if (replica?.changed) memory.answered.push({ operation, ...replica.changed });
  violations.push(...(await judge(last.dataDir, round.offset, memory)));
  if (!(await auditTools().verifyFolder(first.dataDir, null)).intact) violations.push('the log of the old store does not verify');
  return { killed: died, counted, violations };
}

function schemaIn({ postgres, folder }: MoveRound): Place {
  if (postgres === null) throw new Error('there is no PostgreSQL');
  return { dataDir: join(folder, 'shared'), postgres: { url: postgres.url(), schema: freshSchema() } };
}

function move(from: Place, to: Place, clock: Clock) {
  return migrateBetween(settingsOf(from), settingsOf(to), surroundings(clock), () => undefined);
}

/**
 * There is one place to serve from at most; run again the move ends, with everything in the new store, and nothing for a reader to notice.
 * @param changed a keyring that a replica of the old store was still able to change
 */
async function judgeMove(judged: Judged, changed: string | undefined): Promise<string[]> {
  const { from, to, clock, tokenIn } = judged;
  const before = new Map([...judged.before].filter(([name]) => name !== changed));
  const wrong = await judgePlaces({ ...judged, before });
  await move(from, to, clock);
  if ((await move(from, to, clock)).moved !== null) wrong.push('a move that has ended was not taken for one');
  if ((await served(from, tokenIn, clock)) !== null) wrong.push('a service starts on the store that was given up');
  return [...wrong, ...missing(before, await served(to, tokenIn, clock), 'the new store')];
}

/** Called off again, the old store serves as it did before the move, and the new one never. */
async function judgeCallOff(judged: Judged): Promise<string[]> {
  const { from, to, clock, offset, before, tokenIn, known } = judged;
  const wrong = await judgePlaces(judged);
  await callOffIn(settingsOf(from), surroundings(clock)).catch((error: unknown) => {
    if (!/No move out of .* is under way/.test(String(error))) wrong.push(`calling it off again: ${String(error)}`);
  });
  wrong.push(...missing(before, await served(from, tokenIn, clock), 'the old store'));
  if ((await served(to, tokenIn, clock)) !== null) wrong.push('what was copied in a move that was called off is served');
  return [...wrong, ...(await judge(from.dataDir, offset, inherited(known)))];
}

async function judgePlaces({ from, to, before, tokenIn, clock }: Judged): Promise<string[]> {
  const wrong: string[] = [];
  let places = 0;
  for (const place of [from, to]) {
    const held = (await isEmpty(place, clock)) ? null : await served(place, tokenIn, clock);
    if (held === null) continue;
    places++;
    wrong.push(...missing(before, held, `the ${place === from ? 'old' : 'new'} store`));
  }
  if (places > 1) wrong.push('a service starts on the old store and on the new one');
  return wrong;
}

/** Where there is nothing, a service may start, and nothing comes of it. */
async function isEmpty(place: Place, clock: Clock): Promise<boolean> {
  const foundation = await openFoundation(settingsOf(place), surroundings(clock));
  try {
    if ((await foundation.move.read())?.phase === 'moved') return false;
    return (await foundation.store.page(null, 1)).items.length === 0;
  } finally {
    await foundation.close();
  }
}

/** What a service on the store answers, by keyring; null where none starts because of a move. */
async function served(place: Place, tokenIn: string, clock: Clock): Promise<Held | null> {
  const service = await openService(settingsOf(place), surroundings(clock)).catch((error: unknown) => {
    if (codeOf(error) === 'invalid_config' && / moved /.test(String(error))) return null;
    throw error;
  });
  if (service === null) return null;
  try {
    const call = caller(service.app, tokenIn);
    const held = new Map<string, string>();
    for (const { name } of (await call({ url: '/v1/keyrings?limit=200' })).body.items) {
      const { status, headers } = await call({ url: `/v1/keyrings/${name}/keys` });
      if (status === 200) held.set(name, String(headers.etag));
    }
    return held;
  } finally {
    await service.stop();
  }
}

/** An application that asks with what it has is to be answered 304. */
function missing(before: Held, now: Held | null, place: string): string[] {
  if (now === null) return [`no service starts on ${place}`];
  const others = [...before].filter(([name, etag]) => now.get(name) !== etag).map(([name]) => name);
  return others.length === 0 ? [] : [`${place} serves other keys, or none, of ${others.join(', ')}`];
}

/** Of a copy the versions and the keys are known. Its log is another one. */
function inherited({ keys, versions }: Memory): Memory {
  const memory = new Memory();
  for (const [id, key] of keys) memory.keys.set(id, key);
  for (const id of versions) memory.versions.add(id);
  return memory;
}

function surroundings(clock: Clock) {
  return { clock, timers: systemTimers, random, logger: createLogger('silent') };
}
