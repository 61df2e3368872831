import { type Keyring, lastVersionNumber, liveVersions } from '../keyring.ts';
import { type Instant, SECOND } from '../time.ts';
import type { Version } from '../version.ts';
import { actOf, type Context, changed, graceAfter, publish, slotFollowing } from './transition.ts';

/** What is known to have happened to a keyring after the backup that it is taken from. */
export interface Tombstones {
  /** Whether the version was revoked or destroyed. */
  readonly ended: (version: Version) => boolean;
  /** The highest version number that is known to have been given; 0 = none is. */
  readonly highest: number;
  /** Whether it is the last one: no later one can have been given without being known here. */
  readonly isLast: boolean;
  /** Its keys were destroyed for good. */
  readonly purged: boolean;
}

export const NO_TOMBSTONES: Tombstones = { ended: () => false, highest: 0, isLast: false, purged: false };

/**
 * Where nobody can tell which numbers were given after the backup, the next one leaves out so many, and one for each second since the keyring was last
 * known to change: no fleet rotates faster, and two restores of one backup differ too. So no number means two keys.
 */
const UNKNOWN_NUMBERS = 100;

/**
 * The document of a backup, for a store that has none of its own. What ended after the backup stays ended. The key that signs is a fresh one, because
 * whatever was to sign after the backup may be lost; what the old keys signed goes on verifying for its grace, so nobody is logged out who need not be.
 */
export function reinstate(backup: Keyring, tombstones: Tombstones, given: Context): Keyring {
  const context = { ...given, now: Math.max(given.now, backup.changed.at) };
  const ended = { ...backup, versions: backup.versions.map((version) => (tombstones.ended(version) ? cut(version, context) : version)) };
  if (tombstones.purged || backup.lifecycle.state === 'purged') return asPurged(ended, context);
  const version = publish(context, { version: nextNumber(backup, tombstones, context.now), kind: 'replacement', activatesAt: context.now });
  const versions = [...ended.versions.map((old) => succeeded(ended, old, context.now)), version];
  const keyring = { ...ended, versions };
  return changed(keyring, context, { nextRotationAt: slotFollowing(keyring, context.now) });
}

function cut(version: Version, context: Context): Version {
  return { ...version, revoked: version.revoked ?? actOf(context) };
}

function nextNumber(backup: Keyring, { highest, isLast }: Tombstones, now: Instant): number {
  const known = Math.max(lastVersionNumber(backup), highest);
  return isLast ? known + 1 : known + UNKNOWN_NUMBERS + Math.ceil((now - backup.changed.at) / SECOND);
}

/** The last of them may have been replaced since: it verifies from now on as if it had signed until now, a `next` of the backup too. */
function succeeded(keyring: Keyring, version: Version, now: Instant): Version {
  if (version !== liveVersions(keyring).at(-1)) return version;
  const verifyUntil = Math.max(version.verifyUntil ?? 0, graceAfter(keyring, now));
  return { ...version, activatesAt: Math.min(version.activatesAt, now), verifyUntil };
}

function asPurged(keyring: Keyring, context: Context): Keyring {
  const deleted = keyring.lifecycle.state === 'active' ? actOf(context) : keyring.lifecycle.deleted;
  const purgedAt = keyring.lifecycle.state === 'purged' ? keyring.lifecycle.purgedAt : context.now;
  return changed(keyring, context, {
    versions: keyring.versions.map((version) => cut(version, context)),
    nextRotationAt: null,
    lifecycle: { state: 'purged', deleted, purgedAt },
  });
}
