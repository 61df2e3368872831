import { change } from '../../src/app/change.ts';
import { requireStored } from '../../src/app/keyrings.ts';
import { generateKey } from '../../src/app/material.ts';
import { type RotationRequest, revokeVersion, rotateKeyring } from '../../src/app/rotations.ts';
import { type KeyringName, parseKeyringName } from '../../src/core/name.ts';
import { DEFAULT_POLICY, type Policy } from '../../src/core/policy.ts';
import { amendPolicy } from '../../src/core/transitions/amend.ts';
import { create } from '../../src/core/transitions/create.ts';
import type { RotationKind } from '../../src/core/transitions/rotate.ts';
import type { Actor, PrincipalId } from '../../src/core/version.ts';
import { SKEW_SECONDS } from './clocks.ts';
import type { Draws } from './draws.ts';
import type { Service } from './service.ts';

/** The one keyring of every world. */
export const WEB: KeyringName = parseKeyringName('web');
const OPERATOR: Actor = { id: 'token:operator' as PrincipalId, name: 'operator' };
const REQUEST: RotationRequest = { name: WEB, by: OPERATOR, reason: 'simulated', idempotencyKey: null };

/** A new version waits 68 s by time alone; slots are 120 s apart. */
export const POLICY: Policy = {
  ...DEFAULT_POLICY,
  schedule: { cron: '*/2 * * * *', timeZone: 'UTC' },
  tokenLifetimeSeconds: 100,
  leaseSeconds: 60,
  refreshSeconds: 10,
  skewSeconds: SKEW_SECONDS,
};

/** What the policy may be changed to: each is sound. */
export const AMENDMENTS: readonly Partial<Policy>[] = [
  { leaseSeconds: 30 },
  { leaseSeconds: 90 },
  { leaseSeconds: 60 },
  { tokenLifetimeSeconds: 40 },
  { tokenLifetimeSeconds: 100 },
];

/** Makes the keyring. `createKeyring` without its look at the schedule, which takes longer than a whole schedule of the simulator. */
export function createWeb({ deps }: Service, draws: Draws): Promise<unknown> {
  const kind = draws.happens(0.4) ? 'imported' : 'created';
  const policy = draws.happens(0.8) ? POLICY : { ...POLICY, schedule: null };
  return change(deps, {
    ...REQUEST,
    newKey: () => generateKey(deps.random, policy),
    step: (_, context) => {
      const keyring = create(null, WEB, policy, kind, context);
      return { keyring, publishes: keyring.versions.at(-1) ?? null };
    },
  });
}

export function rotateWeb({ deps }: Service, kind: RotationKind): Promise<unknown> {
  return rotateKeyring(deps, kind, REQUEST);
}

/** One of the last three versions. */
export function revokeOne({ deps }: Service, newest: number, draws: Draws): Promise<unknown> {
  return revokeVersion(deps, Math.max(1, newest - draws.between(0, 2)), REQUEST);
}

/** As `changePolicy`, again without the look at the schedule. */
export function amendWeb({ deps }: Service, draws: Draws): Promise<unknown> {
  const fields = draws.pick(AMENDMENTS);
  return change(deps, {
    ...REQUEST,
    step: (stored, context) => {
      const { keyring } = requireStored(stored, WEB);
      return { keyring: amendPolicy(keyring, { ...keyring.policy, ...fields }, context), publishes: null };
    },
  });
}
