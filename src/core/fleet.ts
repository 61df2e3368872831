import type { Keyring } from './keyring.ts';
import { POLICY_BOUNDS } from './policy.ts';
import { rolesAt } from './roles.ts';
import { type Instant, type Millis, SECOND } from './time.ts';
import type { Version } from './version.ts';

/** What of a document decides about holders of it (ports/leases.ts has the whole). */
export interface HeldDocument {
  readonly changedAt: Instant;
  readonly newest: number;
}

/** What of a lease decides (ports/leases.ts has the whole, and explains `behindUntil`). */
export interface HeldLease {
  readonly instance: string | null;
  readonly until: Instant;
  readonly behindUntil: Instant;
  readonly offered: HeldDocument;
}

/**
 * Whom the registry hears of. `own`: this process alone grants leases. `none`: others may grant leases too, so it proves nothing, even where they
 * share one: no registry refuses grants on outdated documents yet (docs/decisions/0039).
 */
export type RegistryReach = 'own' | 'none';

/** What is known of the leases on one keyring. */
export interface Fleet<Lease extends HeldLease = HeldLease> {
  readonly reach: RegistryReach;
  /** Every living lease granted since then is in `leases`. */
  readonly completeSince: Instant;
  /** All that may be in use: those that ended less than a skew ago too. */
  readonly leases: readonly Lease[];
}

/** Whether the next version may sign before its planned activation, and why not yet. */
export type Activation<Lease extends HeldLease = HeldLease> =
  | { readonly state: 'no next' }
  /** It is safe now: all `holders` of a living lease hold the version. */
  | { readonly state: 'safe'; readonly version: Version; readonly holders: number }
  | (Waiting & { readonly state: 'unknown leases'; readonly why: 'not shared' | 'incomplete' })
  | (Waiting & { readonly state: 'anonymous lease' })
  | (Waiting & { readonly state: 'behind'; readonly holders: number; readonly behind: number; readonly first: Lease });

interface Waiting {
  readonly version: Version;
  /** When time alone will do, should nobody say anything any more; never after the planned activation. */
  readonly until: Instant;
}

/**
 * Early activation is safe exactly when no lease is in use, or can still be granted, on a document without the next version:
 *
 * - the registry hears of every lease, and each one that it may have missed has ended;
 * - nobody without a name holds a lease: such callers cannot acknowledge;
 * - every other holder is past its `behindUntil`, and its last answer held the version.
 *
 * A lease counts until a skew after its end, because clocks disagree. What the caller must see to: from before `leases` were read, nothing is
 * granted any more on a document without this version (app/fleet.ts).
 */
export function activationOf<Lease extends HeldLease>(keyring: Keyring, fleet: Fleet<Lease>, now: Instant): Activation<Lease> {
  const version = pendingVersion(keyring, now);
  if (version === null) return { state: 'no next' };
  const skew = keyring.policy.skewSeconds * SECOND;
  const named = fleet.leases.filter(({ instance, until }) => instance !== null && until + skew > now);
  const behind = named.filter((lease) => mayLack(lease, version) + skew > now);
  const unknownUntil = missedUntil(keyring, fleet);
  const anonymousUntil = latest(fleet.leases.filter(({ instance }) => instance === null).map(({ until }) => until + skew));
  const slowestUntil = latest(behind.map((lease) => mayLack(lease, version) + skew));
  const waiting: Waiting = { version, until: Math.min(version.activatesAt, Math.max(unknownUntil, anonymousUntil, slowestUntil)) };
  if (unknownUntil > now) return { ...waiting, state: 'unknown leases', why: fleet.reach === 'none' ? 'not shared' : 'incomplete' };
  if (anonymousUntil > now) return { ...waiting, state: 'anonymous lease' };
  const [first] = behind.toSorted((a, b) => mayLack(b, version) - mayLack(a, version));
  if (first !== undefined) return { ...waiting, state: 'behind', holders: named.length, behind: behind.length, first };
  return { state: 'safe', version, holders: named.length };
}

/** The version that is published and waits for its activation; null without one, and for a keyring that is not served. */
export function pendingVersion(keyring: Keyring, now: Instant): Version | null {
  return keyring.lifecycle.state === 'active' ? (rolesAt(keyring, now)?.next ?? null) : null;
}

/**
 * Until when a holder may use keys without this version. A document that has it as its newest, and was changed since its publication, has it: a
 * number alone could be of a past that a restore has undone.
 */
export function mayLack({ offered, until, behindUntil }: HeldLease, { version, created }: Pick<Version, 'version' | 'created'>): Instant {
  return offered.newest === version && offered.changedAt >= created.at ? behindUntil : until;
}

/** Until when a holder may use keys of a document from before a change that was made then. */
export function mayPredate({ offered, until, behindUntil }: HeldLease, change: Instant): Instant {
  return offered.changedAt >= change ? behindUntil : until;
}

/** The longest that any policy allows. */
const LONGEST_LEASE: Millis = POLICY_BOUNDS.leaseSeconds[1] * SECOND;

/**
 * When the last lease has ended that the registry may have missed, on every clock; the distant past where there can be none.
 * Nobody held anything of a generated key before it was made; an imported one was in use before.
 */
export function missedUntil(keyring: Keyring, { reach, completeSince }: Pick<Fleet, 'reach' | 'completeSince'>): Instant {
  if (reach === 'none') return Number.POSITIVE_INFINITY;
  const [first] = keyring.versions;
  const { policy, carryover } = keyring;
  // Two stamps of two clocks, or of one that was set back between.
  if (first?.kind === 'created' && completeSince + policy.skewSeconds * SECOND <= first.created.at) return Number.NEGATIVE_INFINITY;
  const underEarlierPolicy = Math.min(carryover?.leasesUntil ?? 0, completeSince + LONGEST_LEASE);
  return Math.max(completeSince + policy.leaseSeconds * SECOND, underEarlierPolicy) + policy.skewSeconds * SECOND;
}

function latest(instants: readonly Instant[]): Instant {
  return instants.reduce((last, at) => Math.max(last, at), Number.NEGATIVE_INFINITY);
}
