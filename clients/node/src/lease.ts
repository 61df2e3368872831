import type { Clock, Instant, Millis } from './clock.ts';

/** One moment on both clocks. */
export interface Moment {
  readonly wall: Instant;
  readonly uptime: Millis;
}

/**
 * Until when keys may be used: the earlier of the two ends counts. The wall clock may be set back, the uptime may stand still while the
 * machine sleeps; both at once would be needed to make a lease longer.
 */
export type Lease = Moment;

export function momentOf(clock: Clock): Moment {
  return { wall: clock.now(), uptime: clock.uptime() };
}

/** A lease that was granted in answer to a request; it counts from before the request was sent. */
export function leaseFrom(asked: Moment, leaseSeconds: number): Lease {
  const length = leaseSeconds * 1_000;
  return { wall: asked.wall + length, uptime: asked.uptime + length };
}

/** What is left of a lease; zero or less = it is over. */
export function leaseLeft(lease: Lease, now: Moment): Millis {
  return Math.min(lease.wall - now.wall, lease.uptime - now.uptime);
}
