import { Check } from 'typebox/value';
import type { Fault } from '../core/errors.ts';
import { DEFAULT_POLICY, type Policy, policyFaults } from '../core/policy.ts';
import type { Instant } from '../core/time.ts';
import { toSeconds } from './duration.ts';
import { type PolicyFields, PolicySchema } from './schema.ts';

/** A policy of the file over another one. */
export function policyOver(base: Policy, fields: PolicyFields | undefined): Policy {
  if (fields === undefined) return base;
  const { schedule, tokenLifetimeSeconds, leaseSeconds, refreshSeconds, skewSeconds, keyBytes, keyEncoding } = fields;
  return {
    schedule: schedule === undefined ? base.schedule : schedule && { cron: schedule.cron, timeZone: schedule.timeZone ?? 'UTC' },
    tokenLifetimeSeconds: toSeconds(tokenLifetimeSeconds) ?? base.tokenLifetimeSeconds,
    leaseSeconds: toSeconds(leaseSeconds) ?? base.leaseSeconds,
    refreshSeconds: toSeconds(refreshSeconds) ?? base.refreshSeconds,
    skewSeconds: toSeconds(skewSeconds) ?? base.skewSeconds,
    keyBytes: keyBytes ?? base.keyBytes,
    keyEncoding: keyEncoding ?? base.keyEncoding,
  };
}

/** The policy of new keyrings; Keyturn's own where the file's has faults, which are listed elsewhere. */
export function defaultsOf(value: unknown): Policy {
  return policyOver(DEFAULT_POLICY, Check(PolicySchema, value) ? value : undefined);
}

/** Faults of a whole policy, at its place in the file. */
export function faultsOfPolicy(policy: Policy, now: Instant, path: string): Fault[] {
  return policyFaults(policy, now).map((fault) => ({ ...fault, path: fault.path.replace(/^\/policy/, path) }));
}
