import { KeyturnError } from '../errors.ts';
import { type ChangeId, checkKeyring, type Keyring, liveVersions } from '../keyring.ts';
import { propagation } from '../policy.ts';
import { slotAfter } from '../schedule.ts';
import { type Instant, SECOND, toIso } from '../time.ts';
import type { Act, Actor, MaterialNonce, Provenance, Version, VersionKind } from '../version.ts';

/** What every transition is given from outside: core draws nothing at random and reads no clock. */
export interface Context {
  readonly now: Instant;
  readonly by: Actor;
  readonly reason: string;
  readonly changeId: ChangeId;
  /** For the version that the transition may publish. */
  readonly draft: Draft;
  /** For the key in use until now, where the transition takes one over to verify only. */
  readonly takenOver?: Draft | undefined;
}

/** A version's material before the version exists. The material is stored under `nonce` before the swap that publishes the version. */
export interface Draft {
  readonly nonce: MaterialNonce;
  readonly provenance: Provenance;
}

/**
 * The instant of a change: never before the last change of the document, so that the history cannot run backwards.
 * @throws KeyturnError `clock_behind` where the clock is behind by more than the skew that the policy allows
 */
export function instantOfChange(keyring: Keyring, now: Instant): Instant {
  const behind = keyring.changed.at - now;
  if (behind <= keyring.policy.skewSeconds * SECOND) return Math.max(now, keyring.changed.at);
  throw new KeyturnError(
    'clock_behind',
    `The clock of this machine is ${Math.ceil(behind / SECOND)} s before the last change of keyring ${keyring.name} (${toIso(keyring.changed.at)}). Set the clock right; nothing was changed.`,
  );
}

export function actOf({ now, by, reason }: Context): Act {
  return { at: now, by, reason };
}

/** The document after a change: signed by its change id and checked. */
export function changed(keyring: Keyring, context: Context, fields: Partial<Keyring>): Keyring {
  return checkKeyring({ ...keyring, ...fields, changed: { id: context.changeId, at: context.now, by: context.by } });
}

export interface Publication {
  readonly version: number;
  readonly kind: VersionKind;
  readonly activatesAt: Instant;
  readonly slot?: Instant | null;
}

export function publish(context: Context, { version, kind, activatesAt, slot = null }: Publication): Version {
  return {
    version,
    nonce: context.draft.nonce,
    kind,
    created: actOf(context),
    slot,
    activatesAt,
    advanced: null,
    verifyUntil: null,
    revoked: null,
    destroyedAt: null,
    provenance: context.draft.provenance,
  };
}

/** The earliest instant at which a version published now may sign, without any knowledge of the fleet. */
export function plannedActivation({ policy, carryover }: Keyring, now: Instant): Instant {
  const earlierLeases = (carryover?.leasesUntil ?? 0) + policy.skewSeconds * SECOND;
  return Math.max(now + propagation(policy), earlierLeases);
}

/** Until when a version verifies whose successor activates at the given instant. */
export function graceAfter({ policy, carryover }: Pick<Keyring, 'policy' | 'carryover'>, successorActivatesAt: Instant): Instant {
  const lastSignature = Math.max(successorActivatesAt + policy.leaseSeconds * SECOND, carryover?.leasesUntil ?? 0);
  const lastToken = Math.max(lastSignature + policy.tokenLifetimeSeconds * SECOND, carryover?.tokensUntil ?? 0);
  return lastToken + policy.skewSeconds * SECOND;
}

/** The slot to wait for once everything published has been activated; null without a schedule. */
export function slotFollowing(keyring: Keyring, now: Instant): Instant | null {
  const { schedule } = keyring.policy;
  if (schedule === null) return null;
  return slotAfter(schedule, Math.max(now, liveVersions(keyring).at(-1)?.activatesAt ?? now));
}

/** @throws KeyturnError `keyring_deleted` */
export function requireActive(keyring: Keyring): void {
  const { lifecycle } = keyring;
  if (lifecycle.state === 'active') return;
  const hint =
    lifecycle.state === 'deleted'
      ? `It can be restored until ${toIso(lifecycle.purgeAt)}.`
      : 'Its keys are destroyed; only its history remains.';
  throw new KeyturnError('keyring_deleted', `Keyring ${keyring.name} was deleted at ${toIso(lifecycle.deleted.at)}. ${hint}`);
}
