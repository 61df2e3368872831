import { decide } from '../../src/core/decide.ts';
import { codeOf, type ErrorCode } from '../../src/core/errors.ts';
import type { Keyring } from '../../src/core/keyring.ts';
import type { Policy } from '../../src/core/policy.ts';
import { nextChangeAt } from '../../src/core/roles.ts';
import { type Instant, type Millis, SECOND } from '../../src/core/time.ts';
import { amendPolicy } from '../../src/core/transitions/amend.ts';
import { create } from '../../src/core/transitions/create.ts';
import { markDeleted, markPurged, restore } from '../../src/core/transitions/delete.ts';
import { markDestroyed } from '../../src/core/transitions/retire.ts';
import { revoke } from '../../src/core/transitions/revoke.ts';
import { ROTATION_KINDS, type RotationKind, rotate } from '../../src/core/transitions/rotate.ts';
import fc from './fast-check.ts';
import { context, named, T0 } from './keyrings.ts';

/** One state of a document and when the store first told it. */
export interface Told {
  readonly keyring: Keyring;
  readonly from: Instant;
}

type Act =
  | { readonly do: 'rotate'; readonly kind: RotationKind }
  | { readonly do: 'revoke'; readonly back: number }
  | { readonly do: 'amend'; readonly policy: Omit<Policy, 'skewSeconds'> }
  | { readonly do: 'delete'; readonly window: Millis }
  | { readonly do: 'restore' }
  | { readonly do: 'create' }
  | { readonly do: 'sweep' };

/** `after`: from the act before it. `boundary`: or one such a distance from the next change of roles. */
interface Step {
  readonly after: Millis;
  readonly boundary: number | null;
  /** By how much the actor's clock is behind, and how long its swap takes: parts of the skew. */
  readonly behind: number;
  readonly commit: number;
  readonly act: Act;
}

export interface Script {
  readonly policy: Policy;
  readonly steps: readonly Step[];
}

/** What random acts may be refused with; anything else is a bug. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'rotation_under_way',
  'too_many_keys',
  'version_ended',
  'version_not_found',
  'keyring_deleted',
  'keyring_not_deleted',
  'keyring_exists',
]);

const policyFields = {
  schedule: fc.constantFrom(null, { cron: '*/20 * * * *', timeZone: 'UTC' }, { cron: '0 2 * * *', timeZone: 'Europe/Berlin' }),
  tokenLifetimeSeconds: fc.constantFrom(1, 5, 60, 3_600, 86_400, 172_800),
  leaseSeconds: fc.constantFrom(2, 10, 60, 600, 3_600, 86_400),
  refreshSeconds: fc.constant(1),
  keyBytes: fc.constant(32),
  keyEncoding: fc.constant('hex' as const),
};

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('rotate' as const), kind: fc.constantFrom(...ROTATION_KINDS) }) },
  { weight: 3, arbitrary: fc.constant<Act>({ do: 'rotate', kind: 'scheduled' }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('revoke' as const), back: fc.nat(3) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('amend' as const), policy: fc.record(policyFields) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), window: fc.constantFrom(SECOND, 3_600 * SECOND) }) },
  { weight: 2, arbitrary: fc.constant<Act>({ do: 'restore' }) },
  { weight: 2, arbitrary: fc.constant<Act>({ do: 'create' }) },
  { weight: 6, arbitrary: fc.constant<Act>({ do: 'sweep' }) },
);

const step: fc.Arbitrary<Step> = fc.record({
  after: fc.oneof(fc.nat(5 * SECOND), fc.nat(600 * SECOND), fc.nat(7_200 * SECOND), fc.nat(2 * 86_400 * SECOND)),
  boundary: fc.option(fc.integer({ min: -1, max: 1 }), { freq: 2 }),
  behind: fc.double({ min: 0, max: 0.5, noNaN: true }),
  commit: fc.double({ min: 0, max: 0.5, noNaN: true }),
  act,
});

/** Random acts at random instants. The skew is a fact about the clocks, so it stays the same. */
export const script: fc.Arbitrary<Script> = fc.record({
  policy: fc.record({ ...policyFields, skewSeconds: fc.constantFrom(0, 1, 30) }),
  steps: fc.array(step, { minLength: 1, maxLength: 16, size: 'max' }),
});

/** Plays a script: every state of the document in the order in which the store told them. */
export function play({ policy, steps }: Script): Told[] {
  let keyring = create(null, named('random'), policy, 'created', context(T0));
  let clock = T0;
  const told: Told[] = [{ keyring, from: clock }];
  for (const step of steps) {
    const skew = policy.skewSeconds * SECOND;
    clock = later(keyring, clock, step);
    const states = perform(keyring, step.act, clock - Math.floor(step.behind * skew));
    clock += Math.floor(step.commit * skew);
    for (const state of states) told.push({ keyring: state, from: clock });
    keyring = states.at(-1) ?? keyring;
  }
  return told;
}

function later(keyring: Keyring, clock: Instant, { after, boundary }: Step): Instant {
  const change = boundary === null ? null : nextChangeAt(keyring, clock);
  return change === null || boundary === null ? clock + after : Math.max(clock, change + boundary);
}

function perform(keyring: Keyring, act: Act, now: Instant): Keyring[] {
  try {
    return act.do === 'sweep' ? sweep(keyring, now) : [changedBy(keyring, act, now)];
  } catch (error) {
    if (REFUSALS.has(codeOf(error))) return [];
    throw error;
  }
}

function changedBy(keyring: Keyring, act: Exclude<Act, { do: 'sweep' }>, now: Instant): Keyring {
  switch (act.do) {
    case 'rotate':
      return rotate(keyring, act.kind, context(now)).keyring;
    case 'revoke':
      return revoke(keyring, (keyring.versions.at(-1)?.version ?? 0) - act.back, context(now)).keyring;
    case 'amend':
      return amendPolicy(keyring, { ...act.policy, skewSeconds: keyring.policy.skewSeconds }, context(now));
    case 'delete':
      return markDeleted(keyring, act.window, context(now));
    case 'restore':
      return restore(keyring, context(now));
    case 'create':
      return create(keyring, keyring.name, keyring.policy, 'created', context(now));
  }
}

/** Everything that `decide` asks for at one instant, as the service carries it out. */
export function sweep(keyring: Keyring, now: Instant): Keyring[] {
  const states: Keyring[] = [];
  for (let state = keyring; ; ) {
    const decided = carryOut(state, now);
    if (decided === null) return states;
    if (states.push(decided) > 4) throw new Error('decide makes no progress');
    state = decided;
  }
}

function carryOut(keyring: Keyring, now: Instant): Keyring | null {
  const decision = decide(keyring, now);
  switch (decision.do) {
    case 'wait':
      return null;
    case 'destroy':
      return markDestroyed(keyring, new Set(decision.versions.map(({ version }) => version)), context(now));
    case 'purge':
      return markPurged(keyring, context(now));
    case 'rotate':
      return rotateWhereRoom(keyring, decision.slot, now);
  }
}

function rotateWhereRoom(keyring: Keyring, slot: Instant, now: Instant): Keyring | null {
  try {
    return rotate(keyring, 'scheduled', context(now), slot).keyring;
  } catch (error) {
    if (codeOf(error) === 'too_many_keys') return null;
    throw error;
  }
}
