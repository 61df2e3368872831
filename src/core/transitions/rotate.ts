import { KeyturnError } from '../errors.ts';
import { type Keyring, lastVersionNumber, liveVersions } from '../keyring.ts';
import { MAX_VERIFYING_KEYS } from '../policy.ts';
import { type Roles, rolesAt } from '../roles.ts';
import { earliest, type Instant, toIso } from '../time.ts';
import { isLive, type Version, type VersionKind } from '../version.ts';
import {
  actOf,
  type Context,
  changed,
  graceAfter,
  instantOfChange,
  type Publication,
  plannedActivation,
  publish,
  requireActive,
  slotFollowing,
} from './transition.ts';

/**
 * `scheduled`: the safe path. `immediate`: the new key signs now, the old one keeps its grace; instances that have not refreshed
 * reject new tokens until they do. `emergency`: the new key signs now and every earlier one is revoked.
 */
export const ROTATION_KINDS = ['scheduled', 'immediate', 'emergency'] as const;
export type RotationKind = (typeof ROTATION_KINDS)[number];

/** A keyring after a rotation or revocation, and the version that signs from now on or next. */
export interface Rotated {
  readonly keyring: Keyring;
  readonly version: Version;
  /** Whether `version` was published by this transition from the draft, so that its material must be stored before the swap. */
  readonly published: boolean;
}

/**
 * @param slot the slot of the schedule that this rotation fills; null for one on request
 * @throws KeyturnError `rotation_under_way`, `keyring_deleted`, `clock_behind`, `too_many_keys`
 */
export function rotate(keyring: Keyring, kind: RotationKind, given: Context, slot: Instant | null = null): Rotated {
  requireActive(keyring);
  const context = { ...given, now: instantOfChange(keyring, given.now) };
  const roles = rolesOf(keyring, context.now);
  switch (kind) {
    case 'scheduled':
      return rotateSafely(keyring, roles, context, slot);
    case 'immediate':
      return roles.next === null ? replaceNow(keyring, roles.current, kind, context) : promote(keyring, roles.current, roles.next, context);
    case 'emergency':
      return replaceNow(revokeAll(keyring, context), null, kind, context);
  }
}

function rotateSafely(keyring: Keyring, { current, next }: Roles, context: Context, slot: Instant | null): Rotated {
  if (next === null)
    return append(keyring, current, context, { kind: 'scheduled', activatesAt: plannedActivation(keyring, context.now), slot });
  throw new KeyturnError(
    'rotation_under_way',
    `Version ${next.version} of keyring ${keyring.name} is published and activates at ${toIso(next.activatesAt)}. Wait for it, or ask for an immediate rotation to activate it now.`,
  );
}

/** Publishes a version that signs at once. `replaced` gets its grace; null where it is revoked. */
export function replaceNow(keyring: Keyring, replaced: Version | null, kind: VersionKind, context: Context): Rotated {
  return append(keyring, replaced, context, { kind, activatesAt: context.now, slot: null });
}

type Planned = Omit<Publication, 'version'>;

function append(keyring: Keyring, replaced: Version | null, context: Context, planned: Planned): Rotated {
  requireRoom(keyring, context.now);
  const version = publish(context, { ...planned, version: lastVersionNumber(keyring) + 1 });
  const versions = [...withGrace(keyring, replaced, version.activatesAt), version];
  return { keyring: settled(keyring, versions, context), version, published: true };
}

/** Brings the activation of the published next version forward to now. `replaced` gets its grace; null where it is revoked. */
export function promote(keyring: Keyring, replaced: Version | null, next: Version, context: Context): Rotated {
  const version = { ...next, activatesAt: context.now, advanced: actOf(context) };
  const versions = withGrace(keyring, replaced, context.now).map((other) => (other === next ? version : other));
  return { keyring: settled(keyring, versions, context), version, published: false };
}

function withGrace(keyring: Keyring, replaced: Version | null, successorActivatesAt: Instant): Version[] {
  const verifyUntil = graceAfter(keyring, successorActivatesAt);
  return keyring.versions.map((version) => (version === replaced ? { ...version, verifyUntil } : version));
}

function revokeAll(keyring: Keyring, context: Context): Keyring {
  const revoked = actOf(context);
  return { ...keyring, versions: keyring.versions.map((version) => (isLive(version) ? { ...version, revoked } : version)) };
}

function settled(keyring: Keyring, versions: readonly Version[], context: Context): Keyring {
  return changed(keyring, context, { versions, nextRotationAt: slotFollowing({ ...keyring, versions }, context.now) });
}

/** The roles of a keyring that is not purged. */
export function rolesOf(keyring: Keyring, now: Instant): Roles {
  const roles = rolesAt(keyring, now);
  if (roles !== null) return roles;
  throw new KeyturnError('keyring_deleted', `The keys of keyring ${keyring.name} are destroyed; only its history remains.`);
}

function requireRoom(keyring: Keyring, now: Instant): void {
  const verifying = liveVersions(keyring).filter(({ verifyUntil }) => verifyUntil === null || verifyUntil > now);
  if (verifying.length < MAX_VERIFYING_KEYS) return;
  const first = earliest(verifying.flatMap(({ verifyUntil }) => verifyUntil ?? [])) ?? now;
  throw new KeyturnError(
    'too_many_keys',
    `Keyring ${keyring.name} has ${verifying.length} keys that still verify; the first retires at ${toIso(first)}. Wait, revoke old versions, or ask for an emergency rotation.`,
  );
}
