import { type Fleet, type HeldLease, mayPredate, missedUntil } from './fleet.ts';
import type { Keyring } from './keyring.ts';
import { type Instant, type Millis, SECOND } from './time.ts';

/** What more of a lease tells when its holder gave up the keys of an earlier document. */
export interface SeenLease extends HeldLease {
  readonly firstSeen: Instant;
  readonly acknowledged: { readonly changedAt: Instant } | null;
  readonly acknowledgedAt: Instant | null;
}

/** The last revocation of a keyring, by itself or by an emergency rotation, and who may not have heard of it. */
export interface Cut<Lease extends SeenLease = SeenLease> {
  readonly at: Instant;
  readonly versions: readonly number[];
  /** Holders whose lease allows them to use a cut version still. */
  readonly mayHold: readonly Lease[];
  /** Leases that the registry may have missed can allow it too. */
  readonly othersMay: boolean;
  /** When the last one is out, or was at the latest. */
  readonly clearedAt: Instant;
}

/** When a version was last revoked; null where none ever was. */
export function lastCutAt({ versions }: Keyring): Instant | null {
  const cuts = versions.map(({ revoked }) => revoked?.at).filter((at) => at !== undefined);
  return cuts.length === 0 ? null : Math.max(...cuts);
}

/**
 * @param at of `lastCutAt`
 * @param fleet with every lease that was in use at the cut or since; null where these are no longer known, so that time alone tells
 */
export function cutAt<Lease extends SeenLease>(keyring: Keyring, at: Instant, fleet: Fleet<Lease> | null, now: Instant): Cut<Lease> {
  const skew = keyring.policy.skewSeconds * SECOND;
  const byTime = leasesOver(keyring, at) + skew;
  const versions = keyring.versions.filter(({ revoked }) => revoked?.at === at).map(({ version }) => version);
  if (fleet === null) return { at, versions, mayHold: [], othersMay: byTime > now, clearedAt: byTime };
  const missed = Math.min(missedUntil(keyring, fleet), byTime);
  const known = fleet.leases.map((lease) => Math.min(outAt(lease, at, skew), byTime));
  const mayHold = fleet.leases.filter((lease) => Math.min(mayPredate(lease, at), byTime) > now);
  return { at, versions, mayHold, othersMay: missed > now, clearedAt: Math.max(at, missed, ...known) };
}

/** When the last lease on a document from before an instant ends, by the service's clock. */
function leasesOver({ policy, carryover }: Keyring, at: Instant): Instant {
  return Math.max(at + policy.leaseSeconds * SECOND, carryover?.leasesUntil ?? 0);
}

/** An acknowledgement is exact, the end of a lease needs a skew. Who was first seen after the cut never held what was cut. */
function outAt(lease: SeenLease, cut: Instant, skew: Millis): Instant {
  const { acknowledged, acknowledgedAt, firstSeen } = lease;
  const until = mayPredate(lease, cut);
  const byTime = until > cut ? until + skew : cut;
  const shown = acknowledged !== null && acknowledgedAt !== null && acknowledged.changedAt >= cut && firstSeen < cut;
  return shown ? Math.max(byTime, acknowledgedAt) : byTime;
}
