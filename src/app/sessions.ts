import { type Instant, SECOND } from '../core/time.ts';
import type { PrincipalId } from '../core/version.ts';
import type { InstanceId, LeaseGrant, SessionId } from '../ports/leases.ts';
import type { Random } from '../ports/random.ts';
import type { KeySet } from './read-keys.ts';

/** Who asks for keys. */
export interface Caller {
  readonly instance: InstanceId | null;
  readonly principal: PrincipalId;
  readonly address: string;
}

/** What a request shows of the answer at hand: the tag of its key set, and the session that the answer was given to. */
export interface Shown {
  /** As `KeySet.etag`. */
  readonly etag: string;
  readonly session: SessionId | null;
}

/** `"change.current.next.previous"`, and `.session` where the answer went to a named instance. */
const TAG = /^("[0-9a-z]{1,64}\.\d{1,10}\.\d{1,10}\.\d{1,4})(?:\.([0-9a-z-]{1,40}))?"$/i;

/** Null for what is not a tag of ours, and for a list of several: it does not say which of them is in use. */
export function shownIn(tags: readonly string[]): Shown | null {
  const [only = ''] = tags;
  const [, set, session] = (tags.length === 1 && TAG.exec(only)) || [];
  return set === undefined ? null : { etag: `${set}"`, session: session === undefined ? null : (session as SessionId) };
}

/** The ETag of an answer to a session. */
export function tagFor({ etag }: Answer['keys'], session: SessionId | null): string {
  return session === null ? etag : `${etag.slice(0, -1)}.${session}"`;
}

/** Draws sessions: a random prefix tells service processes apart, a count the sessions of one. */
export function sessionNames(random: Random): () => SessionId {
  const prefix = random.bytes(6).toString('hex');
  let count = 0;
  return () => `${prefix}-${(++count).toString(36)}` as SessionId;
}

/** What of an answer makes its lease. */
export interface Answer {
  readonly keys: Pick<KeySet, 'name' | 'etag' | 'holding'>;
  readonly leaseSeconds: number;
}

/** The lease that an answer grants. Whoever shows a tag of the present document holds all its keys: with time a document only loses some. */
export function leaseOf(
  { keys, leaseSeconds }: Answer,
  caller: Caller,
  shown: Shown | null,
  draw: () => SessionId,
  now: Instant,
): LeaseGrant {
  const session = caller.instance === null ? null : (shown?.session ?? draw());
  const isProven = session !== null && shown?.session === session && isOf(keys, shown);
  return {
    keyring: keys.name,
    instance: caller.instance,
    principal: caller.principal,
    address: caller.address,
    session,
    grantedAt: now,
    until: now + leaseSeconds * SECOND,
    offered: keys.holding,
    acknowledged: isProven ? keys.holding : null,
  };
}

function isOf({ holding }: Answer['keys'], { etag }: Shown): boolean {
  return etag.startsWith(`"${holding.changeId}.`);
}
