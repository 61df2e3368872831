import type { Logger } from 'pino';
import { recordForgotten } from '../app/reconcile.ts';
import type { SweepOutcome } from '../app/sweep.ts';
import { GroupJournal } from '../audit/journal.ts';
import type { AuditKeys } from '../audit/keys.ts';
import type { LedgerReader, LedgerWriter } from '../audit/ledger.ts';
import { auditLog } from '../audit/log.ts';
import { auditRetention } from '../audit/retention.ts';
import { codeOf } from '../core/errors.ts';
import { type Instant, MINUTE, toIso } from '../core/time.ts';
import { SCHEDULER } from '../core/version.ts';
import { Refusals } from '../http/recording/refusals.ts';
import type { AuditLog, AuditRetention } from '../ports/audit.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { AuditAction, AuditEvent } from '../ports/journal.ts';
import type { ChangeDates, Store } from '../ports/store.ts';
import type { KeptRegistry } from './lease-registry.ts';

/** Where the log is kept, and the leases with it. */
export interface LogPlace {
  readonly writer: LedgerWriter;
  readonly reader: LedgerReader;
  /** Whether other replicas write it too. */
  readonly shared: boolean;
  /** @param settled resolves when every grant that was handed to the journal before the call is durable, or has failed */
  leases(settled: () => Promise<void>): KeptRegistry;
  /** After the last commit. */
  close(): Promise<void>;
}

export interface AuditOptions {
  readonly place: LogPlace;
  readonly keys: AuditKeys;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

/** The audit log of a running service. */
export interface Audit {
  readonly journal: GroupJournal;
  readonly reader: LedgerReader;
  readonly log: AuditLog;
  readonly retention: AuditRetention;
  readonly refusals: Refusals;
  /** In the same database, written in the same commits. */
  readonly leases: KeptRegistry;
  /** Something the service does by itself. */
  note(action: AuditAction, reason: string | null): void;
  /** Gives changes that have no record theirs. @throws KeyturnError */
  recordForgotten(store: Store & Partial<ChangeDates>): Promise<void>;
  /** What a sweep did. */
  noteSweep(outcome: SweepOutcome, changedAt: Instant | null): void;
  /** @throws KeyturnError `audit_unavailable`: nothing may be changed now */
  requireWritable(): Promise<void>;
  /** Records what refusals were only counted. */
  tellRefusals(): Promise<void>;
  /** Writes what is pending and closes the log. */
  close(): Promise<void>;
}

/** @throws KeyturnError what keeps the log from being opened */
export function openAudit({ place, keys, clock, timers, logger }: AuditOptions): Audit {
  const { writer, reader } = place;
  const report = (failure: Error | null): void => {
    if (failure === null) logger.info('audit log is written again');
    else logger.error({ code: codeOf(failure), err: failure }, 'audit log cannot be written');
  };
  const journal: GroupJournal = new GroupJournal({ writer, clock, timers, report, passingOver: () => leases.markIncomplete() });
  const leases = place.leases(() => journal.flush());
  const refusals = new Refusals();
  return {
    journal,
    reader,
    log: auditLog({ reader, writer, keys, clock }),
    retention: auditRetention({ reader, writer, keys, clock }),
    refusals,
    leases,
    note: (action, reason) => journal.append(ownEvent(clock, action, reason), null, () => undefined),
    async recordForgotten(store) {
      const found = await recordForgotten({
        store,
        journal,
        recorded: await reader.changes(),
        before: place.shared ? clock.now() - MINUTE : Infinity,
      });
      if (found > 0) logger.warn({ found }, 'changes without an audit record were recorded');
    },
    noteSweep(outcome, changedAt) {
      const event = sweepEvent(clock, outcome);
      // an early activation takes effect in the moment of its swap
      const at = outcome.outcome === 'advanced' ? outcome.activatesAt : changedAt;
      if (event !== null) journal.appendChange(event, at, () => undefined);
    },
    requireWritable: () =>
      new Promise((resolve, reject) => {
        if (journal.healthy) resolve();
        else journal.probe((failure) => (failure === null ? resolve() : reject(failure)));
      }),
    async tellRefusals() {
      for (const event of refusals.take(clock.now())) journal.append(event, null, () => undefined);
    },
    async close() {
      await journal.flush();
      journal.stop();
      await leases.close();
      await place.close();
    },
  };
}

/** Something that no caller did. */
export function ownEvent(clock: Pick<Clock, 'now'>, action: AuditAction, reason: string | null): AuditEvent {
  return {
    at: clock.now(),
    action,
    outcome: 'done',
    code: null,
    principal: null,
    keyring: null,
    versions: [],
    instance: null,
    address: null,
    requestId: null,
    reason,
  };
}

const SWEPT = { rotated: 'version.publish', advanced: 'version.activate', destroyed: 'material.destroy', purged: 'keyring.purge' } as const;

/** A failure is in the log of the service and in its metrics; nothing happened that an auditor could ask about. */
function sweepEvent(clock: Clock, swept: SweepOutcome): AuditEvent | null {
  if (swept.outcome === 'failed') return null;
  const { outcome, name } = swept;
  const versions = outcome === 'rotated' || outcome === 'advanced' ? [swept.version] : outcome === 'destroyed' ? swept.versions : [];
  const reason = outcome === 'rotated' ? `slot of ${toIso(swept.slot)}` : null;
  return { ...ownEvent(clock, SWEPT[outcome], reason), principal: SCHEDULER, keyring: name, versions };
}
