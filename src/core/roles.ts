import { type Keyring, liveVersions } from './keyring.ts';
import { earliest, type Instant } from './time.ts';
import { isWeak, type Version } from './version.ts';

/** What a version may be used for at one instant. */
export type Role = 'next' | 'current' | 'previous' | 'retired' | 'revoked';

/** The versions that are served at one instant. */
export interface Roles {
  /** Signs and verifies; exactly one while the keyring is not purged. */
  readonly current: Version;
  /** Verifies only; newest first. */
  readonly previous: readonly Version[];
  /** Published, verifies, does not sign yet. */
  readonly next: Version | null;
}

/**
 * The roles of a keyring's versions as a pure function of time: promotion and retirement need no write. Null for a purged keyring.
 *
 * `current` is the newest live version whose activation has come. A document proves that the instant of its last change has come: a clock that is
 * behind it is taken to show that instant, or a version that was replaced could sign again. A weak key signs at no instant.
 */
export function rolesAt(keyring: Keyring, now: Instant): Roles | null {
  const at = notBeforeChange(keyring, now);
  const live = liveVersions(keyring);
  const signing = live.filter((version) => !isWeak(version));
  const current = signing.findLast((version) => version.activatesAt <= at) ?? signing[0];
  if (current === undefined) return null;
  return {
    current,
    previous: live.filter((version) => version.version < current.version && verifiesAt(version, at)).reverse(),
    next: signing.find((version) => version.version > current.version) ?? null,
  };
}

/** One version's role. Destroyed versions are `retired` at every instant: even a clock set back brings none of them back. */
export function roleAt(keyring: Keyring, version: Version, now: Instant): Role {
  if (version.revoked !== null) return 'revoked';
  const roles = rolesAt(keyring, now);
  if (roles?.current.version === version.version) return 'current';
  if (roles?.next?.version === version.version) return 'next';
  if (roles?.previous.some((previous) => previous.version === version.version)) return 'previous';
  return 'retired';
}

/** The first instant after `now` at which `rolesAt` gives another answer; null when only an act can change it. */
export function nextChangeAt(keyring: Keyring, now: Instant): Instant | null {
  const from = notBeforeChange(keyring, now);
  const boundaries = liveVersions(keyring).flatMap((version) => [version.activatesAt, version.verifyUntil ?? from]);
  return earliest(boundaries.filter((at) => at > from));
}

function notBeforeChange(keyring: Keyring, now: Instant): Instant {
  return Math.max(now, keyring.changed.at);
}

function verifiesAt(version: Version, now: Instant): boolean {
  return version.verifyUntil === null || now < version.verifyUntil;
}
