import { Copies } from '../../src/app/copies.ts';
import { type CreateDeps, createKeyring } from '../../src/app/keyrings.ts';
import { KeyReader } from '../../src/app/read-keys.ts';
import { rotateKeyring } from '../../src/app/rotations.ts';
import { Sweep, type SweepOutcome } from '../../src/app/sweep.ts';
import { Waiters } from '../../src/app/waiters.ts';
import type { Keyring } from '../../src/core/keyring.ts';
import { type KeyringName, parseKeyringName } from '../../src/core/name.ts';
import type { Policy } from '../../src/core/policy.ts';
import type { Instant } from '../../src/core/time.ts';
import type { RotationKind } from '../../src/core/transitions/rotate.ts';
import type { Actor, PrincipalId } from '../../src/core/version.ts';
import type { MaterialEntry } from '../../src/ports/store.ts';
import { keyJudge } from '../../src/strength/judge.ts';
import { ManualClock } from '../support/clock.ts';
import { type FaultyStore, faulty } from '../support/faulty-store.ts';
import { openTestSqlite, storeRandom } from '../support/sqlite.ts';

/** What of a tap test this needs. */
interface Teardown {
  teardown(action: () => unknown): void;
}

export const START: Instant = Date.parse('2026-03-01T12:00:00.000Z');
export const OPERATOR: Actor = { id: 'token:operator' as PrincipalId, name: 'an operator' };
export const asked = { by: OPERATOR, reason: 'a test' };
export const WEB: KeyringName = parseKeyringName('web');

/** Rotates daily at midnight; propagation 70 s, grace 670 s. */
export const POLICY: Partial<Policy> = {
  schedule: { cron: '0 0 * * *', timeZone: 'UTC' },
  tokenLifetimeSeconds: 600,
  leaseSeconds: 60,
  refreshSeconds: 10,
  skewSeconds: 10,
};

/** One replica's use cases over a store that may be shared. */
export interface Replica {
  readonly deps: CreateDeps;
  readonly clock: ManualClock;
  readonly store: FaultyStore;
  /** What the replicas share. */
  readonly shared: Parameters<typeof faulty>[0];
  readonly copies: Copies;
  readonly waiters: Waiters;
  readonly reader: KeyReader;
  readonly sweep: Sweep;
  /** What the sweep reported, in order. */
  readonly outcomes: SweepOutcome[];
}

/** A replica on a store and a clock of its own. */
export function replica(t: Teardown): Replica {
  const clock = new ManualClock(START);
  return replicaOn(openTestSqlite(t, { clock }).store, clock);
}

/** Another replica on the same store, whose faults do not touch this one's. */
export function beside({ shared, clock }: Replica): Replica {
  return replicaOn(shared, clock);
}

export function replicaOn(shared: Replica['shared'], clock: ManualClock): Replica {
  const store = faulty(shared);
  const copies = new Copies({ store, feed: store, clock });
  const waiters = new Waiters(clock);
  const judge = keyJudge({ known: [], reuseOf: null });
  const deps: CreateDeps = { store, clock, random: storeRandom, copies, judge };
  const reader = new KeyReader({ store, clock, copies, waiters });
  copies.onChange((name) => {
    waiters.wake(name);
    reader.warm(name);
  });
  const outcomes: SweepOutcome[] = [];
  const sweep = new Sweep({ ...deps, dueIndex: store }, (outcome) => void outcomes.push(outcome));
  return { deps, clock, store, shared, copies, waiters, reader, sweep, outcomes };
}

export async function make({ deps }: Pick<Replica, 'deps'>, name: KeyringName = WEB, policy: Partial<Policy> = POLICY): Promise<Keyring> {
  return (await createKeyring(deps, {}, { ...asked, name, policy, key: null })).keyring;
}

export async function turn({ deps }: Pick<Replica, 'deps'>, kind: RotationKind = 'scheduled', name: KeyringName = WEB): Promise<Keyring> {
  return (await rotateKeyring(deps, kind, { ...asked, name, idempotencyKey: null })).keyring;
}

/** The document as the store has it. */
export async function stored({ store }: Pick<Replica, 'store'>, name: KeyringName = WEB): Promise<Keyring> {
  const found = await store.load(name);
  if (found === undefined) throw new Error(`${name} is absent`);
  return found.keyring;
}

/** The material that the store holds. */
export async function materials({ store }: Pick<Replica, 'store'>): Promise<readonly MaterialEntry[]> {
  return (await store.pageMaterial(null, 1_000)).items;
}

export const hearing = (): AbortSignal => new AbortController().signal;
