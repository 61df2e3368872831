import type { Key, Snapshot } from '../../clients/node/src/index.ts';
import type { Instant, Millis } from '../core/time.ts';

/**
 * How soon a program that holds one set of keys must get another.
 * - `now`: a key that it holds was cut, or others sign with a key that it lacks;
 * - `soon`: within the lease of what it holds will do: a key was published, became current, or has come to its end.
 */
export type Urgency = 'now' | 'soon';

export function urgencyOf(held: Snapshot, fresh: Snapshot, now: Instant): Urgency {
  const lacksSigner = held.find(fresh.current.version) === null;
  const holdsCut = held.signingFirst.some((key) => fresh.find(key.version) === null && !hasEnded(key, now));
  return lacksSigner || holdsCut ? 'now' : 'soon';
}

/** A key that left the keyring because its time was over; any other one that left was cut. */
function hasEnded(key: Key, now: Instant): boolean {
  return 'verifyUntil' in key && typeof key.verifyUntil === 'string' && Date.parse(key.verifyUntil) <= now + CLOCKS_DIFFER;
}

const CLOCKS_DIFFER: Millis = 60_000;

export interface Plan {
  readonly urgency: Urgency;
  /** When the change was heard of. */
  readonly heardAt: Millis;
  /** When the program was started or told last. */
  readonly lastAt: Millis;
  readonly minInterval: Millis;
  /** What of the splay fell to this instance. */
  readonly delay: Millis;
  /** When the program must let go of what it holds. */
  readonly stopBy: Millis;
}

/** When to hand over the new keys. All moments are of one monotonic clock. The lease wins over the interval, and the interval over the splay. */
export function handOverAt({ urgency, heardAt, lastAt, minInterval, delay, stopBy }: Plan): Millis {
  if (urgency === 'now') return heardAt;
  return Math.min(Math.max(heardAt + delay, lastAt + minInterval), stopBy);
}

/** How long before its lease ends a program is asked to stop: the grace, but never more than a quarter of the lease. */
export function stopLead(grace: Millis, lease: Millis): Millis {
  return Math.min(grace, lease / 4);
}
