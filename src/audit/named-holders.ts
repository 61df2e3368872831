import type { Instant } from '../core/time.ts';
import type { LeaseGrant } from '../ports/leases.ts';

/** Living leases of named instances that one token may have, over all its keyrings: each costs a row, and a decision reads all of a keyring's. */
export const MOST_NAMED = 20_000;

/**
 * Bounds the names that one token can put into the registry: whoever draws a new one for each request would fill the disk and, with the next
 * rotation, the memory. What is beyond the bound is recorded as of a caller without a name: its lease counts, and holds early activation back as
 * any such lease does. After a restart the count begins anew.
 */
export class NamedHolders {
  readonly #most: number;
  /** Ends of leases by keyring and instance, for each principal; the one that was granted longest ago comes first. */
  readonly #ends = new Map<LeaseGrant['principal'], Map<string, Instant>>();

  constructor(most = MOST_NAMED) {
    this.#most = most;
  }

  /** The grant as it is to be recorded. */
  take(grant: LeaseGrant): LeaseGrant {
    const { principal, keyring, instance, grantedAt, until } = grant;
    if (instance === null) return grant;
    const ends = this.#ends.get(principal) ?? new Map<string, Instant>();
    this.#ends.set(principal, ends);
    const holder = `${keyring} ${instance}`;
    const known = ends.get(holder);
    if (known === undefined && ends.size >= this.#most && !forgetEnded(ends, grantedAt)) return nameless(grant);
    ends.delete(holder);
    ends.set(holder, Math.max(known ?? 0, until));
    return grant;
  }
}

/** Makes room for one where the oldest has ended. */
function forgetEnded(ends: Map<string, Instant>, now: Instant): boolean {
  const [oldest] = ends;
  return oldest !== undefined && oldest[1] < now && ends.delete(oldest[0]);
}

function nameless(grant: LeaseGrant): LeaseGrant {
  return { ...grant, instance: null, session: null, acknowledged: null };
}
