import type { Logger } from 'pino';
import type { Spooling } from '../app/readiness.ts';
import { recordForgotten } from '../app/reconcile.ts';
import type { SweepOutcome } from '../app/sweep.ts';
import { GroupJournal, type JournalFigures } from '../audit/journal.ts';
import type { AuditKeys } from '../audit/keys.ts';
import type { LedgerReader, LedgerWriter } from '../audit/ledger.ts';
import { auditLog } from '../audit/log.ts';
import { auditRetention } from '../audit/retention.ts';
import type { SpoolReceiver } from '../audit/spool.ts';
import { SpoolingJournal } from '../audit/spooling-journal.ts';
import { codeOf } from '../core/errors.ts';
import { type Instant, MINUTE, toIso } from '../core/time.ts';
import { SCHEDULER } from '../core/version.ts';
import { Refusals } from '../http/recording/refusals.ts';
import type { AuditLog, AuditRetention } from '../ports/audit.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { AuditAction, AuditEvent, Journal } from '../ports/journal.ts';
import type { Random } from '../ports/random.ts';
import type { ChangeDates, Store } from '../ports/store.ts';
import type { KeptRegistry } from './lease-registry.ts';
import { openSpool } from './spool.ts';

/** Where the log is kept, and the leases with it. */
export interface LogPlace {
  readonly writer: LedgerWriter;
  readonly reader: LedgerReader;
  /** Whether other replicas write it too. */
  readonly shared: boolean;
  /** Where the log is not on this machine: it takes what was recorded here while it was out of reach. */
  readonly spools?: SpoolReceiver;
  /** @param settled resolves when every grant that was handed to the journal before the call is durable, or has failed */
  leases(settled: () => Promise<void>): KeptRegistry;
  /** After the last commit. */
  close(): Promise<void>;
}

export interface AuditOptions {
  readonly place: LogPlace;
  readonly keys: AuditKeys;
  /** Where a spool may lie, and how long its records may be in all, in bytes. */
  readonly spool: { readonly dataDir: string; readonly mostBytes: number };
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
}

/** For metrics and readiness. */
export interface AuditFigures extends JournalFigures, Spooling {
  /** Whether the log itself takes records. */
  readonly healthy: boolean;
  /** Whether reads get a record now, in the log or in a spool. */
  readonly recordsReads: boolean;
}

/** The audit log of a running service. */
export interface Audit {
  readonly journal: Journal;
  figures(): AuditFigures;
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
  /** Moves what was spooled into the log, where there is a spool and the log takes it. @throws KeyturnError what keeps it from being moved now */
  moveSpool(): Promise<void>;
  /** Writes what is pending and closes the log. */
  close(): Promise<void>;
}

/** @throws KeyturnError what keeps the log from being opened */
export async function openAudit(options: AuditOptions): Promise<Audit> {
  const { place, keys, clock, timers, random, logger } = options;
  const { writer, reader, spools } = place;
  const report = (failure: Error | null): void => {
    if (failure === null) logger.info('audit log is written again');
    else logger.error({ code: codeOf(failure), err: failure }, 'audit log cannot be written');
  };
  const bypassing = (): void => leases.markIncomplete();
  const shared = new GroupJournal({ writer, clock, timers, report, passingOver: bypassing });
  const leases = place.leases(() => shared.flush());
  const around = { keys, clock, timers, random, logger };
  const spool = spools === undefined ? null : await openSpool({ ...options.spool, ...around, receiver: spools });
  const journal: Journal = spool === null ? shared : new SpoolingJournal({ shared, spool: spool.journal, bypassing });
  const moveSpool = async (): Promise<void> => {
    if (shared.healthy) await spool?.move();
  };
  const refusals = new Refusals();
  return {
    journal,
    figures() {
      const { healthy, figures } = shared;
      if (spool === null) return { ...figures, healthy, recordsReads: healthy, spool: 'none', spooled: 0 };
      const spooling = { spool: spool.healthy ? 'ok' : 'failing', spooled: spool.records } as const;
      return { ...figures, records: figures.records + spool.written, healthy, recordsReads: healthy || spool.healthy, ...spooling };
    },
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
    moveSpool,
    async close() {
      await shared.flush();
      // what stays is moved by the next start
      await moveSpool().catch(() => undefined);
      shared.stop();
      try {
        await spool?.close();
        await leases.close();
      } catch (error) {
        // a full disk, which is no reason not to stop: the next start counts the registry as incomplete
        logger.warn({ code: codeOf(error), err: error }, 'the last words of the audit log could not be written');
      } finally {
        await place.close();
      }
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
