import { type Cut, cutAt, lastCutAt } from '../core/cut.ts';
import { type Activation, activationOf, type Fleet, mayLack, mayPredate, type RegistryReach } from '../core/fleet.ts';
import type { Keyring } from '../core/keyring.ts';
import type { KeyringName } from '../core/name.ts';
import { rolesAt } from '../core/roles.ts';
import { type Instant, SECOND } from '../core/time.ts';
import type { Version } from '../core/version.ts';
import { KEPT_AFTER_END, type Lease, type LeaseRegistry } from '../ports/leases.ts';
import type { Page, Revision, Store } from '../ports/store.ts';
import { getKeyring } from './keyrings.ts';

export interface FleetDeps {
  readonly registry: LeaseRegistry;
  /** Whether the registry hears of every lease. */
  readonly reach: RegistryReach;
}

/** One holder as of an instant. */
export interface Holder {
  readonly lease: Lease;
  readonly isLive: boolean;
  /** Until when its lease allows it to use keys without the newest version; null = it does not. */
  readonly lagsUntil: Instant | null;
  readonly mayHoldCut: boolean;
}

/** The fleet of one keyring as of an instant. */
export interface FleetView {
  readonly name: KeyringName;
  readonly revision: Revision;
  readonly at: Instant;
  /** The next version, or else the one that signs; null for a purged keyring. */
  readonly newest: Version | null;
  /** Holders of a living lease: named ones, and principals whose callers have no name. */
  readonly instances: number;
  readonly anonymous: number;
  /** Of both, those that may lack the newest version. */
  readonly lagging: number;
  /** Leases granted before then may be missing here; null = at all times. */
  readonly completeSince: Instant | null;
  readonly activation: Activation<Lease>;
  readonly cut: Cut<Lease> | null;
  readonly holders: Page<Holder, string>;
}

/**
 * Who holds which keys of a keyring, a page of them, and what that means for its next version and for those that were cut.
 * @throws KeyturnError `keyring_not_found`, `store_unavailable` …
 */
export async function viewFleet(
  { store }: { readonly store: Store },
  { registry, reach }: FleetDeps,
  name: KeyringName,
  now: Instant,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<FleetView> {
  const { keyring, revision } = await getKeyring({ store }, name);
  const cut = recentCut(keyring, now);
  const leases = await registry.live(name, Math.min(inUse(keyring, now), cut ?? now));
  const fleet: Fleet<Lease> = { reach, completeSince: registry.completeSince(), leases };
  const newest = newestOf(keyring, now);
  const live = leases.filter(({ until }) => until > now);
  const named = live.filter(({ instance }) => instance !== null).length;
  const page = await registry.page(name, after, limit);
  return {
    name,
    revision,
    at: now,
    newest,
    instances: named,
    anonymous: live.length - named,
    lagging: live.filter((lease) => lags(lease, newest, now)).length,
    completeSince: reach === 'none' || fleet.completeSince > now ? null : fleet.completeSince,
    activation: activationOf(keyring, fleet, now),
    cut: cutOf(keyring, fleet, cut, now),
    holders: { items: page.items.map((lease) => holderOf(lease, newest, lastCutAt(keyring), now)), next: page.next },
  };
}

/** Leases that ended before this may not be in use any more, on any clock. */
export function inUse({ policy }: Keyring, now: Instant): Instant {
  return now - policy.skewSeconds * SECOND;
}

/** The last cut, if the registry still keeps those who were in use then. */
function recentCut(keyring: Keyring, now: Instant): Instant | null {
  const at = lastCutAt(keyring);
  return at !== null && now - at < KEPT_AFTER_END ? at : null;
}

function cutOf(keyring: Keyring, fleet: Fleet<Lease>, recent: Instant | null, now: Instant): Cut<Lease> | null {
  const at = lastCutAt(keyring);
  return at === null ? null : cutAt(keyring, at, recent === null ? null : fleet, now);
}

function newestOf(keyring: Keyring, now: Instant): Version | null {
  const roles = rolesAt(keyring, now);
  return roles === null ? null : (roles.next ?? roles.current);
}

function lags(lease: Lease, newest: Version | null, now: Instant): boolean {
  return newest !== null && mayLack(lease, newest) > now;
}

function holderOf(lease: Lease, newest: Version | null, cut: Instant | null, now: Instant): Holder {
  const isLive = lease.until > now;
  const mayHoldCut = cut !== null && mayPredate(lease, cut) > now;
  const lagsUntil = newest !== null && lags(lease, newest, now) ? mayLack(lease, newest) : null;
  return { lease, isLive, lagsUntil, mayHoldCut };
}
