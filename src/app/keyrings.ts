import { codeOf, KeyturnError } from '../core/errors.ts';
import type { Keyring } from '../core/keyring.ts';
import type { KeyringName } from '../core/name.ts';
import { DEFAULT_POLICY, type Policy, policyFaults } from '../core/policy.ts';
import type { Secret } from '../core/secret.ts';
import type { Verdict } from '../core/strength.ts';
import { DAY, type Instant } from '../core/time.ts';
import { amendPolicy } from '../core/transitions/amend.ts';
import { create, requireFree } from '../core/transitions/create.ts';
import { markDeleted, restore } from '../core/transitions/delete.ts';
import type { Actor } from '../core/version.ts';
import type { KeyJudge } from '../ports/judge.ts';
import type { Page, Revision, Store, Stored } from '../ports/store.ts';
import { type ChangeDeps, type Changed, change, type Planned, type Step } from './change.ts';
import { generateKey, importKey, importToVerify } from './material.ts';
import { keyringNotFound } from './read-keys.ts';

/** Who asks for a change and why: it rides in the document, in the same swap as the change. */
export interface Asked {
  readonly by: Actor;
  readonly reason: string;
}

export interface CreateKeyring extends Asked {
  readonly name: KeyringName;
  /** Laid over the defaults. */
  readonly policy: Partial<Policy>;
  /** A key in use today, to go on with; null = generate one. */
  readonly key: Secret | null;
  /** Left out or null: the key signs, and has to be sound. */
  readonly takeOver?: TakeOverKey | null;
}

/** How a key in use today is taken over: it verifies only, beside a fresh one that signs. */
export interface TakeOverKey {
  /** Take it even where it is weak; the reason of the request is the reason for that. */
  readonly acceptWeak: boolean;
  /** Null: the whole grace of the policy. */
  readonly verifyForSeconds: number | null;
}

export interface CreateDeps extends ChangeDeps {
  readonly judge: KeyJudge;
}

/** @throws KeyturnError `invalid_policy`, `weak_key`, `keyring_exists`, `invalid_request` (verifies longer than the grace) */
export async function createKeyring(deps: CreateDeps, defaults: Partial<Policy>, wanted: CreateKeyring): Promise<Changed<Planned>> {
  const { name, key, by, reason, takeOver = null } = wanted;
  const policy = requireSound({ ...DEFAULT_POLICY, ...defaults, ...wanted.policy }, deps.clock.now());
  const verdict = key === null ? null : await judged(deps, name, key);
  const fresh = () => generateKey(deps.random, policy);
  const request = { name, by, reason };
  if (key === null || verdict === null) return change(deps, { ...request, newKey: fresh, step: first(name, policy, 'created') });
  if (takeOver === null) {
    const imported = importKey(key, verdict);
    return change(deps, { ...request, newKey: () => imported, step: first(name, policy, 'imported') });
  }
  const takenOver = importToVerify(key, verdict, takeOver.acceptWeak ? { by, reason } : null);
  return change(deps, { ...request, newKey: fresh, takenOver, step: beside(name, policy, takeOver) });
}

/** An existing keyring is told first: its own key, sent again, would look as if it were in use elsewhere. */
async function judged({ store, judge }: CreateDeps, name: KeyringName, key: Secret): Promise<Verdict> {
  requireFree((await store.load(name))?.keyring ?? null);
  return judge.judge(key);
}

function first(name: KeyringName, policy: Policy, kind: 'created' | 'imported'): Step<Planned> {
  return (stored, context) => {
    const keyring = create(stored?.keyring ?? null, name, policy, kind, context);
    return { keyring, publishes: keyring.versions.at(-1) ?? null };
  };
}

function beside(name: KeyringName, policy: Policy, takeOver: TakeOverKey): Step<Planned> {
  return (stored, context) => {
    const keyring = create(stored?.keyring ?? null, name, policy, 'created', context, takeOver);
    return { keyring, publishes: keyring.versions.at(-1) ?? null, takesOver: keyring.versions.at(-2) };
  };
}

/**
 * @param expected the revision that the caller has read
 * @throws KeyturnError `precondition_failed` when the document is another by now, `invalid_policy`
 */
export async function changePolicy(
  deps: ChangeDeps,
  name: KeyringName,
  fields: Partial<Policy>,
  expected: Revision,
  asked: Asked,
): Promise<Changed<Planned>> {
  return change(deps, {
    name,
    ...asked,
    step: (stored, context) => {
      const { keyring, revision } = requireStored(stored, name);
      if (revision !== expected) {
        throw new KeyturnError(
          'precondition_failed',
          `Keyring ${name} has changed since you read it. Read it again and send its new ETag in If-Match.`,
        );
      }
      const policy = requireSound({ ...keyring.policy, ...fields }, context.now);
      return { keyring: amendPolicy(keyring, policy, context), publishes: null };
    },
  });
}

/** @throws KeyturnError `keyring_not_found`, `keyring_deleted` */
export async function deleteKeyring(deps: ChangeDeps, name: KeyringName, recoveryDays: number, asked: Asked): Promise<Changed<Planned>> {
  return changeExisting(deps, name, asked, (keyring, context) => markDeleted(keyring, recoveryDays * DAY, context));
}

/** @throws KeyturnError `keyring_not_found`, `keyring_not_deleted`, `keyring_deleted` when its keys are destroyed */
export async function restoreKeyring(deps: ChangeDeps, name: KeyringName, asked: Asked): Promise<Changed<Planned>> {
  return changeExisting(deps, name, asked, restore);
}

type Transition = (keyring: Keyring, context: Parameters<typeof restore>[1]) => Keyring;

/** A change that publishes nothing. */
function changeExisting(deps: ChangeDeps, name: KeyringName, asked: Asked, transition: Transition): Promise<Changed<Planned>> {
  const step = (stored: Stored | undefined, context: Parameters<Transition>[1]): Planned => ({
    keyring: transition(requireStored(stored, name).keyring, context),
    publishes: null,
  });
  return change(deps, { name, ...asked, step });
}

/** The document as the store has it now. @throws KeyturnError `keyring_not_found` */
export async function getKeyring({ store }: Pick<ChangeDeps, 'store'>, name: KeyringName): Promise<Stored> {
  return requireStored(await store.load(name), name);
}

const NAMES_A_PAGE = 1_000;

/** Keyrings in the order of their names, only those the caller may touch; neither an item nor the cursor names another. */
export async function listKeyrings(
  { store }: Pick<ChangeDeps, 'store'>,
  mayTouch: (name: KeyringName) => boolean,
  after: KeyringName | null,
  limit: number,
): Promise<KeyringPage> {
  const names = await namesAfter(store, mayTouch, after, limit + 1);
  const shown = names.slice(0, limit);
  const loaded = await Promise.all(shown.map((name) => readable(store, name)));
  const next = names.length > limit ? (shown.at(-1) ?? null) : null;
  const unreadable = shown.filter((_, index) => loaded[index] === null);
  return { items: loaded.filter((stored) => stored != null), next, unreadable };
}

export interface KeyringPage extends Page<Stored, KeyringName> {
  /** Keyrings of this page whose documents are damaged: one of them must not hide the others. */
  readonly unreadable: readonly KeyringName[];
}

/** Null where the document is damaged. */
async function readable(store: Store, name: KeyringName): Promise<Stored | undefined | null> {
  try {
    return await store.load(name);
  } catch (error) {
    if (codeOf(error) === 'corrupt_document') return null;
    throw error;
  }
}

/** The first `count` names that the caller may touch, however many others lie between them. */
async function namesAfter(
  store: Store,
  mayTouch: (name: KeyringName) => boolean,
  after: KeyringName | null,
  count: number,
): Promise<KeyringName[]> {
  const names: KeyringName[] = [];
  for (let from = after, more = true; more && names.length < count; more = from !== null) {
    const page: Page<KeyringName, KeyringName> = await store.page(from, NAMES_A_PAGE);
    names.push(...page.items.filter(mayTouch));
    from = page.next;
  }
  return names.slice(0, count);
}

export function requireStored(stored: Stored | undefined, name: KeyringName): Stored {
  if (stored === undefined) throw keyringNotFound(name);
  return stored;
}

function requireSound(policy: Policy, now: Instant): Policy {
  const faults = policyFaults(policy, now);
  if (faults.length === 0) return policy;
  throw new KeyturnError('invalid_policy', faults.map(({ path, message }) => `${path} ${message}`).join(' '), { faults });
}
