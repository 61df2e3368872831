import { KeyturnError } from '../errors.ts';
import { type Keyring, lastVersionNumber } from '../keyring.ts';
import type { KeyringName } from '../name.ts';
import type { Policy } from '../policy.ts';
import { actOf, type Context, changed, instantOfChange, publish, slotFollowing } from './transition.ts';

/**
 * A keyring with its first version, which signs at once: nobody holds anything yet. Over a purged keyring of the same name
 * the version numbers and the history go on, so that no number ever means two keys.
 * @throws KeyturnError `keyring_exists`, `clock_behind`
 */
export function create(previous: Keyring | null, name: KeyringName, policy: Policy, kind: 'created' | 'imported', given: Context): Keyring {
  if (previous !== null && previous.lifecycle.state !== 'purged') {
    const hint = previous.lifecycle.state === 'deleted' ? ' It is deleted and can be restored.' : '';
    throw new KeyturnError('keyring_exists', `There is a keyring ${name} already.${hint}`);
  }
  const context = previous === null ? given : { ...given, now: instantOfChange(previous, given.now) };
  const first = publish(context, { version: (previous === null ? 0 : lastVersionNumber(previous)) + 1, kind, activatesAt: context.now });
  const keyring: Keyring = {
    name,
    created: actOf(context),
    policy,
    carryover: null,
    versions: [...(previous?.versions ?? []), first],
    nextRotationAt: null,
    lifecycle: { state: 'active' },
    requests: [],
    changed: { id: context.changeId, at: context.now, by: context.by },
  };
  return changed(keyring, context, { nextRotationAt: slotFollowing(keyring, context.now) });
}
