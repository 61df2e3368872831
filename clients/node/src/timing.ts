import type { Millis } from './clock.ts';

/** A number from 0 up to but not including 1. */
export type Random = () => number;

/** Every regular delay is stretched or shortened by up to this share. */
export const JITTER = 0.2;

const FIRST_RETRY_SECONDS = 1;
const LONGEST_RETRY_SECONDS = 60;
const LONGEST_WAIT_SECONDS = 300;
const LONGEST_ACKNOWLEDGE_SECONDS = 10;

/** From one successful refresh to the next: the service's hint ± 20 %. */
export function refreshDelay(refreshSeconds: number, random: Random): Millis {
  return refreshSeconds * 1_000 * (1 - JITTER + 2 * JITTER * random());
}

/** From the start to the first refresh: anywhere in a whole interval, so that a fleet started at once is out of step at once. */
export function firstRefreshDelay(refreshSeconds: number, random: Random): Millis {
  return refreshSeconds * 1_000 * (JITTER + random());
}

/**
 * From new keys to the request that shows them to the service: within a tenth of a refresh, 10 s at most. A new key signs once all have
 * shown it, and a fleet that comes back from an outage must not ask twice in the same second.
 */
export function acknowledgeDelay(refreshSeconds: number, random: Random): Millis {
  return Math.min(LONGEST_ACKNOWLEDGE_SECONDS, refreshSeconds / 10) * 1_000 * random();
}

export interface Failure {
  /** In a row, this one included: 1 or more. */
  readonly failures: number;
  /** Of the last good answer; null = there was none. */
  readonly refreshSeconds: number | null;
  /** What the service asked for. */
  readonly retryAfterSeconds: number | null;
}

/**
 * From a failure to the next attempt: one quick retry after a second, then no faster than the refreshes would have been anyway, doubling
 * from 1 s to 60 s, ± 20 %. A fleet that retried faster would meet a service that comes back with a multiple of its normal load.
 */
export function retryDelay({ failures, refreshSeconds, retryAfterSeconds }: Failure, random: Random): Millis {
  const doubled = FIRST_RETRY_SECONDS * 2 ** Math.min(failures - 1, 10);
  const own = failures <= 1 ? FIRST_RETRY_SECONDS : Math.max(doubled, refreshSeconds ?? 0);
  const asked = Math.min(retryAfterSeconds ?? 0, LONGEST_RETRY_SECONDS);
  const spread = refreshDelay(Math.min(own, LONGEST_RETRY_SECONDS), random);
  return Math.max(spread, asked * 1_000 * (1 + JITTER * random()));
}

/**
 * How long to let the service hold a request: what the application asked for, at most 300 s and a third of the lease (which counts from
 * before the request), shortened by up to 20 %. Whole seconds; 0 = do not wait.
 */
export function pollSeconds(wanted: number, leaseSeconds: number, random: Random): number {
  const longest = Math.min(wanted, LONGEST_WAIT_SECONDS, leaseSeconds / 3);
  return longest < 1 ? 0 : Math.max(1, Math.floor(longest * (1 - JITTER * random())));
}

export interface Polled {
  readonly changed: boolean;
  readonly askedSeconds: number;
  readonly heldFor: Millis;
  readonly refreshSeconds: number;
}

/** From the answer to a held request to the next one: soon, unless the service did not hold it. */
export function pollDelay({ changed, askedSeconds, heldFor, refreshSeconds }: Polled, random: Random): Millis {
  const held = heldFor >= askedSeconds * 1_000 * (1 - JITTER);
  return changed || held ? 1_000 * random() : refreshDelay(refreshSeconds, random);
}
