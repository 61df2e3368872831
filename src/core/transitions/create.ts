import { KeyturnError } from '../errors.ts';
import { type Keyring, lastVersionNumber } from '../keyring.ts';
import type { KeyringName } from '../name.ts';
import type { Policy } from '../policy.ts';
import { type Millis, SECOND } from '../time.ts';
import type { Version } from '../version.ts';
import { actOf, type Context, changed, graceAfter, instantOfChange, publish, slotFollowing } from './transition.ts';

/** How long a key that is taken over goes on verifying. */
export interface TakeOver {
  /** Null: the grace of the policy, so that processes which still sign with it can be moved over in a lease. */
  readonly verifyForSeconds: number | null;
}

/**
 * A keyring with its first version, which signs at once: nobody holds anything yet. Over a purged keyring of the same name
 * the version numbers and the history go on, so that no number ever means two keys.
 *
 * @param takeOver the key in use until now becomes the version before, which verifies only (`context.takenOver`)
 * @throws KeyturnError `keyring_exists`, `clock_behind`; `invalid_request` where it is to verify longer than the grace
 */
export function create(
  previous: Keyring | null,
  name: KeyringName,
  policy: Policy,
  kind: 'created' | 'imported',
  given: Context,
  takeOver: TakeOver | null = null,
): Keyring {
  requireFree(previous);
  const context = previous === null ? given : { ...given, now: instantOfChange(previous, given.now) };
  const number = (previous === null ? 0 : lastVersionNumber(previous)) + 1;
  const bare: Keyring = {
    name,
    created: actOf(context),
    policy,
    carryover: null,
    versions: previous?.versions ?? [],
    nextRotationAt: null,
    lifecycle: { state: 'active' },
    requests: [],
    changed: { id: context.changeId, at: context.now, by: context.by },
  };
  const before = takeOver === null ? [] : [takenOver(bare, number, context, takeOver)];
  const first = publish(context, { version: number + before.length, kind, activatesAt: context.now });
  const keyring = { ...bare, versions: [...bare.versions, ...before, first] };
  return changed(keyring, context, { nextRotationAt: slotFollowing(keyring, context.now) });
}

/** Whether a keyring may be made under the name of this one. @throws KeyturnError `keyring_exists` */
export function requireFree(previous: Keyring | null): void {
  if (previous === null || previous.lifecycle.state === 'purged') return;
  const hint = previous.lifecycle.state === 'deleted' ? ' It is deleted and can be restored.' : '';
  throw new KeyturnError('keyring_exists', `There is a keyring ${previous.name} already.${hint}`);
}

function takenOver(keyring: Keyring, version: number, context: Context, { verifyForSeconds }: TakeOver): Version {
  if (context.takenOver === undefined) throw new KeyturnError('internal', 'A key was taken over without a draft.');
  const longest = graceAfter(keyring, context.now);
  const verifyUntil = verifyForSeconds === null ? longest : context.now + verifyForSeconds * SECOND;
  if (verifyUntil > longest) throw tooLong(longest - context.now);
  return { ...publish({ ...context, draft: context.takenOver }, { version, kind: 'imported', activatesAt: context.now }), verifyUntil };
}

function tooLong(grace: Millis): KeyturnError {
  return new KeyturnError(
    'invalid_request',
    `verifyForSeconds is longer than the grace of the policy, ${grace / SECOND} s. Leave it out to verify for the whole grace, or give a longer token lifetime.`,
  );
}
