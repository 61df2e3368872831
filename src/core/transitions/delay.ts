import { type Carryover, type Keyring, liveVersions } from '../keyring.ts';
import type { Instant, Millis } from '../time.ts';
import { isLive, type Version } from '../version.ts';
import { type Context, changed, instantOfChange, slotFollowing } from './transition.ts';

/**
 * Puts right what a change computed from its own instant and what came true only later, because its swap took so long to commit: the version that
 * waits activates later by that much, what verifies for a while verifies longer, and what an earlier policy still allows lasts longer. What has
 * come true already stays, and nothing moves to an earlier time.
 * @param late how long the swap took at most
 * @returns the same keyring where nothing lies in the future
 * @throws KeyturnError `clock_behind`
 */
export function delay(keyring: Keyring, late: Millis, given: Context): Keyring {
  if (keyring.lifecycle.state !== 'active' || late <= 0) return keyring;
  const context = { ...given, now: instantOfChange(keyring, given.now) };
  const later = (at: Instant): Instant => (at > context.now ? at + late : at);
  const versions = keyring.versions.map((version) => delayed(version, later));
  const carryover = keyring.carryover && delayedCarryover(keyring.carryover, later);
  if (carryover === keyring.carryover && versions.every((version, index) => version === keyring.versions[index])) return keyring;
  return changed(keyring, context, { versions, carryover, nextRotationAt: slotAfterDelay({ ...keyring, versions }, context.now) });
}

function delayed(version: Version, later: (at: Instant) => Instant): Version {
  if (!isLive(version)) return version;
  const activatesAt = later(version.activatesAt);
  const verifyUntil = version.verifyUntil === null ? null : later(version.verifyUntil);
  return activatesAt === version.activatesAt && verifyUntil === version.verifyUntil ? version : { ...version, activatesAt, verifyUntil };
}

function delayedCarryover(carryover: Carryover, later: (at: Instant) => Instant): Carryover {
  const [leasesUntil, tokensUntil] = [later(carryover.leasesUntil), later(carryover.tokensUntil)];
  return leasesUntil === carryover.leasesUntil && tokensUntil === carryover.tokensUntil ? carryover : { leasesUntil, tokensUntil };
}

/** A slot before the new activation would find a rotation under way; one that is due already stays due. */
function slotAfterDelay(keyring: Keyring, now: Instant): Instant | null {
  const { nextRotationAt } = keyring;
  const last = liveVersions(keyring).at(-1)?.activatesAt ?? now;
  return nextRotationAt !== null && nextRotationAt > now && nextRotationAt <= last ? slotFollowing(keyring, now) : nextRotationAt;
}
