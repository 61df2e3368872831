import type { Instant } from '../core/time.ts';
import { SECOND } from '../core/time.ts';
import type { LeaseGrant } from '../ports/leases.ts';
import { ByHolder } from './by-holder.ts';
import { NamedHolders } from './named-holders.ts';

/** Holders remembered: one that is forgotten only costs a row that need not have been written. */
const HOLDERS_KEPT = 100_000;

/** What makes a grant another one: all but its times. A field that is missing here does not compile. */
const COMPARED = {
  keyring: true,
  instance: true,
  principal: true,
  session: true,
  address: true,
  offered: true,
  acknowledged: true,
} satisfies Record<Exclude<keyof LeaseGrant, 'grantedAt' | 'until'>, true>;
const FIELDS = Object.keys(COMPARED) as readonly (keyof typeof COMPARED)[];

/** One of whom something is durable. */
interface Holder {
  readonly written: LeaseGrant;
  /** When the last of its leases ends: what is written last may be one that only shows something (http/routes/keys.ts), and grants nothing. */
  readonly end: Instant;
  /** Counts the grants that were due: the last one that may be of this holder. */
  lastDue: number;
}

/** What a grant means for the commit that it comes with. */
export interface Asked {
  /** When the last known lease of this holder ended, where it was over before this one. */
  readonly endedBefore: Instant | null;
  /** False: what is durable covers it, and the commit need not hear of it. */
  readonly due: boolean;
}

/**
 * Which grants a commit must write. An instance that asks many times a second would otherwise cost a row each time: what is written for it
 * ends up to two seconds later than what was granted, and a grant that ends no later and shows nothing new needs no row of its own. A recorded
 * lease is thus never shorter than the granted one, which is the safe side.
 *
 * Each grant is `ask`ed first. Those that are due are handed to `select` in the same order, in batches, each of which `settle`s before the next is selected.
 */
export class LeasesDue {
  readonly #holders = new ByHolder<Holder>(HOLDERS_KEPT);
  readonly #named: NamedHolders;
  #due = 0;
  #settled = 0;

  constructor(named = new NamedHolders()) {
    this.#named = named;
  }

  /** Most grants are covered by what is durable: they are told apart here, while all that concerns them is at hand. */
  ask(grant: LeaseGrant): Asked {
    const holder = this.#holders.get(grant);
    const endedBefore = holder !== undefined && holder.end < grant.grantedAt ? holder.end : null;
    // with one on the way before it nobody knows what will be durable when its turn comes
    const known = holder !== undefined && holder.lastDue <= this.#settled ? holder.written : null;
    if (known !== null && covers(known, grant)) return { endedBefore, due: false };
    this.#due++;
    if (holder !== undefined) holder.lastDue = this.#due;
    return { endedBefore, due: true };
  }

  /** The grants of a batch that must be written, in their order: a holder's next one only where the one before does not cover it. */
  select(grants: readonly LeaseGrant[]): LeaseGrant[] {
    const due: LeaseGrant[] = [];
    const last = new Map<string, LeaseGrant>();
    for (const asked of grants) {
      const before = this.#known(last, asked);
      if (before !== undefined && covers(before, asked)) continue;
      const grant = this.#named.take(asked);
      const known = grant === asked ? before : this.#known(last, grant);
      if (known !== undefined && covers(known, grant)) continue;
      // another offer is written beside the one before, not instead of it: the registry sums up all grants in their order
      const row = { ...grant, until: recordedEnd(grant, known) };
      due.push(row);
      last.set(holderOf(grant), row);
    }
    return due;
  }

  #known(last: ReadonlyMap<string, LeaseGrant>, grant: LeaseGrant): LeaseGrant | undefined {
    return last.get(holderOf(grant)) ?? this.#holders.get(grant)?.written;
  }

  /**
   * A batch has come to its end.
   * @param grants how many were given to `select`
   * @param written those of what it chose that are durable now: all or none
   */
  settle(grants: number, written: readonly LeaseGrant[]): void {
    this.#settled += grants;
    for (const grant of written) {
      const known = this.#holders.get(grant);
      const end = Math.max(known?.end ?? 0, grant.until);
      this.#holders.set(grant, { written: grant, end, lastDue: known?.lastDue ?? this.#due });
    }
  }
}

function holderOf({ keyring, instance, principal }: LeaseGrant): string {
  return `${keyring} ${principal} ${instance ?? ''}`;
}

/**
 * Everything but the times is the same, and the end is no later: a grant that shows less than the one before says something too. Holdings are
 * compared by identity: those of one key set are one object, and a row too many does no harm.
 */
function covers(known: LeaseGrant, grant: LeaseGrant): boolean {
  if (known.until < grant.until) return false;
  for (const field of FIELDS) if (known[field] !== grant[field]) return false;
  return true;
}

/** Exact, but for a holder that asked less than a second before. */
function recordedEnd({ until, grantedAt }: LeaseGrant, known: LeaseGrant | undefined): Instant {
  if (known === undefined || grantedAt - known.grantedAt >= SECOND) return until;
  return until - (until % SECOND) + 2 * SECOND;
}
