import { type Millis, SECOND } from '../time.ts';

/**
 * How long after the instant of a change the store may carry it out at the latest, by kind of store: the sum of the limits of its calls
 * (docs/stores.md, "How long a change may take"; test/stores/slowest-change.test.ts adds them up). The embedded store answers before anything
 * else can happen.
 */
export const SLOWEST_CHANGE: Readonly<Record<string, Millis>> = {
  sqlite: 0,
  postgres: 10 * SECOND,
  vault: 14 * SECOND,
  aws: 30 * SECOND,
};

/** In seconds: half of the skew is for the commit, half for clocks (docs/decisions/0047). @param kind of a store; an unknown one needs nothing */
export function leastSkewOn(kind: string): number {
  return (2 * (SLOWEST_CHANGE[kind] ?? 0)) / SECOND;
}
