import { KeyturnError } from '../errors.ts';
import { type Keyring, versionOf } from '../keyring.ts';
import { roleAt } from '../roles.ts';
import type { Version } from '../version.ts';
import { promote, type Rotated, replaceNow, rolesOf } from './rotate.ts';
import { actOf, type Context, changed, instantOfChange, requireActive, slotFollowing } from './transition.ts';

/**
 * Cuts one version now. When it signs, its place is taken at once: by the published next version where there is one, else by a new
 * one. Revoking a revoked version changes nothing.
 * @throws KeyturnError `version_not_found`, `version_ended` (retired or destroyed), `keyring_deleted`, `clock_behind`
 */
export function revoke(keyring: Keyring, number: number, given: Context): Rotated {
  requireActive(keyring);
  const context = { ...given, now: instantOfChange(keyring, given.now) };
  const target = versionOf(keyring, number);
  const { current, next } = rolesOf(keyring, context.now);
  switch (roleAt(keyring, target, context.now)) {
    case 'revoked':
      return { keyring, version: current, published: false };
    case 'retired':
      throw new KeyturnError('version_ended', `Version ${number} of keyring ${keyring.name} is retired already: no instance is served it.`);
    case 'current':
      return next === null
        ? replaceNow(without(keyring, target, context), null, 'replacement', context)
        : promote(without(keyring, target, context), null, next, context);
    case 'next':
    case 'previous':
      return cut(keyring, target, current, context);
  }
}

function cut(keyring: Keyring, target: Version, current: Version, context: Context): Rotated {
  const { versions } = without(keyring, target, context);
  const cutNext = target.version > current.version;
  const open = cutNext
    ? versions.map((version) => (version.version === current.version ? { ...version, verifyUntil: null } : version))
    : versions;
  const nextRotationAt = cutNext ? slotFollowing({ ...keyring, versions: open }, context.now) : keyring.nextRotationAt;
  return { keyring: changed(keyring, context, { versions: open, nextRotationAt }), version: current, published: false };
}

/** The document with the version cut; not yet sound where the version was the last live one. */
function without(keyring: Keyring, target: Version, context: Context): Keyring {
  const revoked = actOf(context);
  return { ...keyring, versions: keyring.versions.map((version) => (version === target ? { ...version, revoked } : version)) };
}
