import type { Instant } from '../core/time.ts';
import { SECOND } from '../core/time.ts';
import type { LeaseGrant } from '../ports/leases.ts';
import { NamedHolders } from './named-holders.ts';

/** Holders remembered; one more than that and the oldest is forgotten, which only costs a row that need not have been written. */
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

/**
 * Which grants a commit must write. An instance that asks many times a second would otherwise cost a row each time: what is written for it
 * ends up to two seconds later than what was granted, and a grant that ends no later and shows nothing new needs no row of its own. A recorded
 * lease is thus never shorter than the granted one, which is the safe side.
 */
export class LeasesDue {
  readonly #written = new Map<string, LeaseGrant>();
  readonly #named: NamedHolders;

  constructor(named = new NamedHolders()) {
    this.#named = named;
  }

  /** The grants of a batch that must be written, at most one for each holder and what it holds. Called when all earlier batches have ended. */
  select(grants: readonly LeaseGrant[]): LeaseGrant[] {
    const due = new Map<string, LeaseGrant>();
    for (const asked of grants) {
      const before = this.#known(due, asked);
      if (before !== undefined && covers(before, asked)) continue;
      const grant = this.#named.take(asked);
      const key = holderOf(grant);
      const known = grant === asked ? before : this.#known(due, grant);
      if (known !== undefined && covers(known, grant)) continue;
      // another offer is written beside the first, not instead of it: the registry sums up all grants in their order
      due.set(due.has(key) ? `${key} ${due.size}` : key, { ...grant, until: recordedEnd(grant, known) });
    }
    return [...due.values()];
  }

  #known(due: ReadonlyMap<string, LeaseGrant>, grant: LeaseGrant): LeaseGrant | undefined {
    const key = holderOf(grant);
    return due.get(key) ?? this.#written.get(key);
  }

  /** Those are durable. */
  note(written: readonly LeaseGrant[]): void {
    for (const grant of written) {
      const key = holderOf(grant);
      this.#written.delete(key);
      this.#written.set(key, grant);
    }
    for (const key of this.#written.keys()) {
      if (this.#written.size <= HOLDERS_KEPT) break;
      this.#written.delete(key);
    }
  }

  /** When the last known lease of this holder ended, if it had one and it is over at `at`. */
  endedBefore(grant: LeaseGrant, at: Instant): Instant | null {
    const known = this.#written.get(holderOf(grant));
    return known !== undefined && known.until < at ? known.until : null;
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
