import type { Fault } from './errors.ts';
import { checkSchedule, type Schedule, shortestGap } from './schedule.ts';
import { DAY, type Instant, type Millis, SECOND } from './time.ts';

/** How the text of a generated key is written. */
export type KeyEncoding = 'hex' | 'base64url';

/**
 * What a keyring's owner knows about it. Everything else (propagation, grace) is derived, so that it cannot contradict this.
 * All durations are whole seconds.
 */
export interface Policy {
  /** When rotations begin; null = only on request. Default: 03:00 UTC on the first of each month. */
  readonly schedule: Schedule | null;
  /** The longest life of anything the key signs. Default 31 days (Flask's PERMANENT_SESSION_LIFETIME). */
  readonly tokenLifetimeSeconds: number;
  /** How long an instance may go on without hearing from the service. Default 24 h. */
  readonly leaseSeconds: number;
  /** How often an instance asks. Default 60 s. */
  readonly refreshSeconds: number;
  /** Allowance for clocks that disagree and for the time a swap takes to commit. Default 30 s. */
  readonly skewSeconds: number;
  /** Random bytes in a generated key. Default 32, as `secrets.token_hex(32)` gives. */
  readonly keyBytes: number;
  /** Default hex. */
  readonly keyEncoding: KeyEncoding;
}

export const DEFAULT_POLICY: Policy = {
  schedule: { cron: '0 3 1 * *', timeZone: 'UTC' },
  tokenLifetimeSeconds: 31 * 86_400,
  leaseSeconds: 86_400,
  refreshSeconds: 60,
  skewSeconds: 30,
  keyBytes: 32,
  keyEncoding: 'hex',
};

/** Inclusive bounds of each number in a policy; outside them a value is a slip of the pen. */
export const POLICY_BOUNDS = {
  tokenLifetimeSeconds: [1, 400 * 86_400],
  leaseSeconds: [2, 7 * 86_400],
  refreshSeconds: [1, 86_400],
  skewSeconds: [0, 600],
  keyBytes: [32, 64],
} as const satisfies Partial<Record<keyof Policy, readonly [number, number]>>;

/** How many keys one answer may hold: more would make every verification slow. */
export const MAX_VERIFYING_KEYS = 64;

/**
 * From publication of a version to its activation when nothing is known of the fleet: the last lease on a document without
 * the new version has ended by then, on every clock.
 */
export function propagation(policy: Policy): Millis {
  return (policy.leaseSeconds + policy.skewSeconds) * SECOND;
}

/** From a version's replacement to the end of its use for verifying: a stale signer's lease, then its last token's life. */
export function grace(policy: Policy): Millis {
  return (policy.leaseSeconds + policy.tokenLifetimeSeconds + policy.skewSeconds) * SECOND;
}

/** Every fault of a policy, each broken inequality named with its numbers. Empty = sound. */
export function policyFaults(policy: Policy, now: Instant): Fault[] {
  const faults = [...boundFaults(policy), ...refreshFaults(policy)];
  if (policy.schedule === null) return faults;
  const schedule = checkSchedule(policy.schedule, now);
  return schedule.length > 0 ? [...faults, ...schedule] : [...faults, ...paceFaults(policy, policy.schedule, now)];
}

function boundFaults(policy: Policy): Fault[] {
  return Object.entries(POLICY_BOUNDS).flatMap(([field, [min, max]]) => {
    const value = policy[field as keyof typeof POLICY_BOUNDS];
    const sound = Number.isInteger(value) && value >= min && value <= max;
    return sound ? [] : [{ path: `/policy/${field}`, message: `must be a whole number from ${min} to ${max}` }];
  });
}

function refreshFaults({ refreshSeconds, leaseSeconds }: Policy): Fault[] {
  if (2 * refreshSeconds <= leaseSeconds) return [];
  return [
    {
      path: '/policy/refreshSeconds',
      message: `2 × refresh ≤ lease does not hold: 2 × ${refreshSeconds} s > ${leaseSeconds} s. Refresh more often or grant a longer lease.`,
    },
  ];
}

function paceFaults(policy: Policy, schedule: Schedule, now: Instant): Fault[] {
  const gap = shortestGap(schedule, now);
  if (gap === null) return [];
  const path = '/policy/schedule/cron';
  if (gap <= propagation(policy)) {
    return [
      {
        path,
        message: `time between slots > lease + skew does not hold: the shortest is ${gap / SECOND} s, and ${policy.leaseSeconds} s + ${policy.skewSeconds} s pass before a new key may sign. Rotate less often or grant shorter leases.`,
      },
    ];
  }
  const keys = Math.ceil(grace(policy) / gap) + 2;
  if (keys <= MAX_VERIFYING_KEYS) return [];
  return [
    {
      path,
      message: `keys that verify at one time ≤ ${MAX_VERIFYING_KEYS} does not hold: a slot every ${gap / SECOND} s and a grace of ${Math.round((grace(policy) / DAY) * 10) / 10} days make ${keys}. Rotate less often or shorten the token lifetime.`,
    },
  ];
}
