import { type Carryover, type Keyring, liveVersions } from '../keyring.ts';
import type { Policy } from '../policy.ts';
import { SECOND } from '../time.ts';
import { isLive, type Version } from '../version.ts';
import { type Context, changed, graceAfter, instantOfChange, requireActive, slotFollowing } from './transition.ts';

/**
 * Changes the policy. What the old one allowed stays true in the field for a while: leases and tokens that it granted are
 * carried over, and a longer grace reaches the versions that still verify; no grace is ever shortened.
 * @throws KeyturnError `keyring_deleted`, `clock_behind`
 */
export function amendPolicy(keyring: Keyring, policy: Policy, given: Context): Keyring {
  requireActive(keyring);
  const context = { ...given, now: instantOfChange(keyring, given.now) };
  const amended = { ...keyring, policy, carryover: carryoverOf(keyring, policy, context) };
  const sameSchedule = JSON.stringify(policy.schedule) === JSON.stringify(keyring.policy.schedule);
  return changed(amended, context, {
    versions: keyring.versions.map((version) => withLongerGrace(keyring, policy, version, context)),
    nextRotationAt: sameSchedule ? keyring.nextRotationAt : slotFollowing(amended, context.now),
  });
}

function carryoverOf({ policy: old, carryover }: Keyring, policy: Policy, { now }: Context): Carryover | null {
  const leasesUntil = Math.max(carryover?.leasesUntil ?? 0, old.leaseSeconds > policy.leaseSeconds ? now + old.leaseSeconds * SECOND : 0);
  const lastSignature = Math.max(now + old.leaseSeconds * SECOND, carryover?.leasesUntil ?? 0);
  const tokensUntil = Math.max(
    carryover?.tokensUntil ?? 0,
    old.tokenLifetimeSeconds > policy.tokenLifetimeSeconds ? lastSignature + old.tokenLifetimeSeconds * SECOND : 0,
  );
  return leasesUntil <= now && tokensUntil <= now ? null : { leasesUntil, tokensUntil };
}

/**
 * The successor is the next live version: a next one that was revoked never replaced anything. What is carried over already counts in
 * `verifyUntil`; adding it again would let a stricter policy prolong old keys.
 */
function withLongerGrace(keyring: Keyring, policy: Policy, version: Version, { now }: Context): Version {
  if (version.verifyUntil === null || version.verifyUntil <= now) return version;
  const successor = isLive(version) ? liveVersions(keyring).find((other) => other.version > version.version) : undefined;
  if (successor === undefined) return version;
  const leaseSeconds = Math.max(keyring.policy.leaseSeconds, policy.leaseSeconds);
  const grace = graceAfter({ policy: { ...policy, leaseSeconds }, carryover: null }, successor.activatesAt);
  return { ...version, verifyUntil: Math.max(version.verifyUntil, grace) };
}
