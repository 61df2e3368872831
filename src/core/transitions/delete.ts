import { KeyturnError } from '../errors.ts';
import type { Keyring } from '../keyring.ts';
import { type Millis, toIso } from '../time.ts';
import { isLive } from '../version.ts';
import { actOf, type Context, changed, instantOfChange, requireActive, slotFollowing } from './transition.ts';

/**
 * Stops serving a keyring; its keys are destroyed when the recovery window is over.
 * @throws KeyturnError `keyring_deleted`, `clock_behind`
 */
export function markDeleted(keyring: Keyring, window: Millis, given: Context): Keyring {
  requireActive(keyring);
  const context = { ...given, now: instantOfChange(keyring, given.now) };
  return changed(keyring, context, { lifecycle: { state: 'deleted', deleted: actOf(context), purgeAt: context.now + window } });
}

/**
 * Takes a deletion back. A slot that passed in the meantime is not caught up: nothing was served that could grow old.
 * @throws KeyturnError `keyring_not_deleted`, `keyring_deleted` (purged), `clock_behind`
 */
export function restore(keyring: Keyring, given: Context): Keyring {
  const context = { ...given, now: instantOfChange(keyring, given.now) };
  if (keyring.lifecycle.state === 'active') throw new KeyturnError('keyring_not_deleted', `Keyring ${keyring.name} is not deleted.`);
  if (keyring.lifecycle.state === 'purged' || keyring.lifecycle.purgeAt <= context.now) {
    throw new KeyturnError('keyring_deleted', `The recovery window of keyring ${keyring.name} is over; its keys are destroyed.`);
  }
  return changed(keyring, context, { lifecycle: { state: 'active' }, nextRotationAt: slotFollowing(keyring, context.now) });
}

/**
 * Ends a deleted keyring: whatever could still be used is revoked, which makes its destruction due. The swap comes before the destruction, so
 * that no restore can win against bytes that are already gone. The history remains.
 */
export function markPurged(keyring: Keyring, given: Context): Keyring {
  const context = { ...given, now: instantOfChange(keyring, given.now) };
  const { lifecycle } = keyring;
  if (lifecycle.state !== 'deleted' || lifecycle.purgeAt > context.now) {
    const until = lifecycle.state === 'deleted' ? toIso(lifecycle.purgeAt) : 'it is deleted';
    throw new KeyturnError('conflict', `Keyring ${keyring.name} cannot be purged before ${until}.`);
  }
  const revoked = actOf(context);
  return changed(keyring, context, {
    versions: keyring.versions.map((version) => (isLive(version) ? { ...version, revoked } : version)),
    nextRotationAt: null,
    lifecycle: { state: 'purged', deleted: lifecycle.deleted, purgedAt: context.now },
  });
}
