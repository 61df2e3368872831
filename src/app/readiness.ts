import type { KeyringName } from '../core/name.ts';
import { MINUTE, type Millis, SECOND } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import type { Copies } from './copies.ts';
import type { Failing, Sweep } from './sweep.ts';
import type { Waiters } from './waiters.ts';

export type CheckStatus = 'ok' | 'failing';

export interface Readiness {
  /** `degraded`: it serves, and an operator should look. */
  readonly status: 'ready' | 'degraded' | 'not ready';
  readonly checks: {
    readonly store: { readonly status: CheckStatus; readonly kind: string; readonly silentSeconds: number | null };
    readonly scheduler: { readonly status: CheckStatus; readonly lastSweepSecondsAgo: number | null };
    readonly clock: { readonly status: CheckStatus };
    /** Failing: the audit log cannot be written. */
    readonly audit: { readonly status: CheckStatus } & Spooling;
  };
  /** Keyrings whose rotation or destruction should have happened by now. */
  readonly overdue: readonly KeyringName[];
}

/** What records an outage of a log that is not on this machine. */
export interface Spooling {
  /** `none`: the log is on this machine. Failing: the spool is full, or there is no place to write one. */
  readonly spool: 'none' | CheckStatus;
  /** Records that wait here for the log. */
  readonly spooled: number;
}

/** The store may be silent this long, and a sweep be late by this, before they count as failing. */
const PATIENCE: Millis = 15 * SECOND;
/** A keyring is overdue when its turn came this long ago and an attempt has failed. */
export const OVERDUE_AFTER: Millis = MINUTE;

export interface ReadinessDeps {
  readonly clock: Clock;
  readonly copies: Copies;
  readonly waiters: Waiters;
  readonly sweep: Sweep;
  readonly storeKind: string;
  /** The longest time between two sweeps when all is well. */
  readonly sweepPause: Millis;
  /** Uptime at the end of the last sweep that ran through; null before the first. */
  readonly lastSweep: () => Millis | null;
  /** `serves`: whether reads are answered, recorded or by the operator's choice without. */
  readonly audit: () => { readonly healthy: boolean; readonly serves: boolean } & Spooling;
}

export function readinessOf({ clock, copies, waiters, sweep, storeKind, sweepPause, lastSweep, audit }: ReadinessDeps): Readiness {
  const { healthy, serves: reads, spool, spooled } = audit();
  const silence = copies.silence();
  const swept = lastSweep();
  const sinceSweep = swept === null ? null : clock.uptime() - swept;
  const failing = sweep.failing();
  const overdue = failing.filter((entry) => isOverdue(entry, clock)).map(({ name }) => name);
  const checks = {
    store: { status: within(silence, PATIENCE), kind: storeKind, silentSeconds: wholeSeconds(silence) },
    scheduler: { status: within(sinceSweep, sweepPause + PATIENCE), lastSweepSecondsAgo: wholeSeconds(sinceSweep) },
    clock: { status: failing.some(({ code }) => code === 'clock_behind') ? 'failing' : 'ok' },
    audit: { status: healthy ? 'ok' : 'failing', spool, spooled },
  } as const;
  const serves = checks.store.status === 'ok' && !waiters.draining && reads;
  const well = healthy && checks.scheduler.status === 'ok' && checks.clock.status === 'ok' && overdue.length === 0;
  return { status: serves ? (well ? 'ready' : 'degraded') : 'not ready', checks, overdue };
}

function isOverdue({ dueAt }: Failing, clock: Clock): boolean {
  return dueAt <= clock.now() - OVERDUE_AFTER;
}

function within(age: Millis | null, limit: Millis): CheckStatus {
  return age !== null && age <= limit ? 'ok' : 'failing';
}

function wholeSeconds(age: Millis | null): number | null {
  return age === null ? null : Math.floor(age / SECOND);
}
