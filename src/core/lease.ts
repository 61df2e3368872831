import type { Policy } from './policy.ts';
import { type Millis, SECOND } from './time.ts';

/**
 * Whole seconds of lease that a replica may grant on a document it last knew to be true `age` milliseconds ago: it shrinks while
 * the store is silent, so that no lease on an old document outlives its successor's publication by more than one lease.
 * Rounded down; zero = grant nothing.
 */
export function grantableLease(policy: Policy, age: Millis): number {
  return Math.max(0, Math.floor((policy.leaseSeconds * SECOND - Math.max(0, age)) / SECOND));
}
