import { KeyturnError } from '../core/errors.ts';
import { type Instant, SECOND, toIso } from '../core/time.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { AuditEvent, Done, Journal } from '../ports/journal.ts';
import type { LeaseGrant } from '../ports/leases.ts';
import { type Asked, LeasesDue } from './leases-due.ts';
import type { LedgerWriter, RecordedChange } from './ledger.ts';
import { encodeEvent } from './record.ts';

/** A batch is cut off here, so that a stall of the disk is not followed by a commit without end. */
const MOST_IN_A_BATCH = 4_096;
/** More may not wait for the disk: the next callers are refused at once. */
const MOST_PENDING = 50_000;
const RETRY_AFTER = SECOND;

export interface JournalDeps {
  readonly writer: Pick<LedgerWriter, 'commit'>;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Hears of the first commit that fails, and of the first that succeeds again (null). */
  readonly report: (failure: Error | null) => void;
  /** Hears of each answer that is about to leave without a record: the lease registry may lack its grant from here on. */
  readonly passingOver?: (event: AuditEvent) => void;
}

/** For metrics and readiness. */
export interface JournalFigures {
  readonly records: number;
  readonly commits: number;
  readonly failures: number;
  /** Changes in force whose record is not durable yet. */
  readonly owed: number;
  /** Answers that left without a record since the start. */
  readonly passedOver: number;
}

interface Entry {
  readonly text: string;
  readonly lease: LeaseGrant | null;
  readonly change: RecordedChange | null;
  /** It is in force already: never given up. */
  readonly kept: boolean;
  done: Done;
}

const NO_LEASE: Asked = { endedBefore: null, due: false };

interface Gap {
  readonly count: number;
  readonly from: Instant;
  readonly to: Instant;
}

/**
 * Group commit: while one batch is on its way to the disk the next one gathers, and leaves as soon as the first has arrived. The entries
 * of one turn of the event loop travel together.
 */
export class GroupJournal implements Journal {
  readonly #deps: JournalDeps;
  readonly #leases = new LeasesDue();
  #pending: Entry[] = [];
  #probes: Done[] = [];
  #underWay = false;
  #scheduled = false;
  #cancelRetry: (() => void) | null = null;
  #healthy = true;
  #gap: Gap | null = null;
  #records = 0;
  #commits = 0;
  #failures = 0;
  #passedOver = 0;

  constructor(deps: JournalDeps) {
    this.#deps = deps;
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  get figures(): JournalFigures {
    const owed = this.#pending.reduce((count, { kept }) => count + (kept ? 1 : 0), 0);
    return { records: this.#records, commits: this.#commits, failures: this.#failures, owed, passedOver: this.#passedOver };
  }

  append(event: AuditEvent, lease: LeaseGrant | null, done: Done): void {
    if (this.#pending.length >= MOST_PENDING) return void done(unavailable('too many requests wait for it'));
    const asked = lease === null ? NO_LEASE : this.#leases.ask(lease);
    const text = encodeEvent(asked.endedBefore === null ? event : { ...event, reason: `lease ended at ${toIso(asked.endedBefore)}` });
    this.#add({ text, lease: asked.due ? lease : null, change: null, kept: false, done });
  }

  appendChange(event: AuditEvent, changedAt: Instant | null, done: Done): void {
    const { keyring } = event;
    const change = changedAt === null || keyring === null ? null : { keyring, changedAt };
    this.#add({ text: encodeEvent(event), lease: null, change, kept: true, done });
  }

  probe(done: Done): void {
    this.#probes.push(done);
    this.#schedule();
  }

  passOver(event: AuditEvent): void {
    const { at } = event;
    this.#deps.passingOver?.(event);
    this.#passedOver++;
    this.#gap = sumOf(this.#gap, { count: 1, from: at, to: at });
    this.#retryLater();
  }

  /** Resolves when all that was appended is durable, or has failed once more. */
  flush(): Promise<void> {
    return new Promise((resolve) => this.probe(() => resolve()));
  }

  #add(entry: Entry): void {
    this.#pending.push(entry);
    this.#schedule();
  }

  /** At the end of this turn of the event loop, so that all its requests share the commit. */
  #schedule(): void {
    if (this.#scheduled || this.#underWay) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  #take(): readonly Entry[] {
    if (this.#pending.length > MOST_IN_A_BATCH) return this.#pending.splice(0, MOST_IN_A_BATCH);
    const all = this.#pending;
    this.#pending = [];
    return all;
  }

  #send(): void {
    if (this.#underWay || (this.#pending.length === 0 && this.#probes.length === 0 && this.#gap === null)) return;
    this.#underWay = true;
    const entries = this.#take();
    // a probe that came after entries is answered after them
    const probes = this.#pending.length === 0 ? this.#probes.splice(0) : [];
    const gap = this.#gap;
    this.#gap = null;
    const texts = gap === null ? [] : [encodeEvent(gapEvent(gap))];
    const grants: LeaseGrant[] = [];
    const changes: RecordedChange[] = [];
    for (const { text, lease, change } of entries) {
      texts.push(text);
      if (lease !== null) grants.push(lease);
      if (change !== null) changes.push(change);
    }
    const leases = this.#leases.select(grants);
    this.#deps.writer.commit({ texts, leases, changes, at: this.#deps.clock.now() }, (failure) => {
      this.#underWay = false;
      this.#leases.settle(grants.length, failure === null ? leases : []);
      if (failure === null) this.#succeeded(texts.length);
      else this.#failed(entries, gap, failure);
      const told = failure === null ? null : unavailable('the last attempt failed', failure);
      for (const { done } of entries) done(told);
      for (const done of probes) done(told);
      if (told !== null) this.#refuseWhoWouldWait(told);
      if (failure === null ? this.#pending.length > 0 : this.#pending.some(({ kept }) => !kept)) this.#send();
      else if (this.#probes.length > 0) this.#send();
    });
  }

  #succeeded(records: number): void {
    this.#commits++;
    this.#records += records;
    if (!this.#healthy) this.#deps.report(null);
    this.#healthy = true;
    this.#cancelRetry?.();
    this.#cancelRetry = null;
  }

  /** What is in force stays at the front; everybody else has heard that it did not happen. */
  #failed(entries: readonly Entry[], gap: Gap | null, failure: Error): void {
    this.#failures++;
    if (this.#healthy) this.#deps.report(failure);
    this.#healthy = false;
    const owed = entries.filter(({ kept }) => kept).map((entry) => ({ ...entry, done: () => undefined }));
    this.#pending = [...owed, ...this.#pending];
    if (gap !== null) this.#gap = sumOf(this.#gap, gap);
    this.#retryLater();
  }

  /** Owed changes go first. More of them than a batch holds would keep everybody behind them waiting, and the attempts coming without a pause. */
  #refuseWhoWouldWait(told: KeyturnError): void {
    const owed = this.#pending.filter(({ kept }) => kept);
    if (owed.length < MOST_IN_A_BATCH) return;
    const waiting = this.#pending.filter(({ kept }) => !kept);
    this.#pending = owed;
    for (const { done } of waiting) done(told);
    for (const done of this.#probes.splice(0)) done(told);
  }

  #retryLater(): void {
    this.#cancelRetry ??= this.#deps.timers.after(RETRY_AFTER, () => {
      this.#cancelRetry = null;
      this.probe(() => undefined);
    });
  }

  /** Ends the retries. What is still owed then is found by the next start (app/reconcile.ts). */
  stop(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
  }
}

function sumOf(one: Gap | null, other: Gap): Gap {
  if (one === null) return other;
  return { count: one.count + other.count, from: Math.min(one.from, other.from), to: Math.max(one.to, other.to) };
}

function gapEvent({ count, from, to }: Gap): AuditEvent {
  return {
    at: to,
    action: 'keys.read',
    outcome: 'done',
    code: 'audit_unavailable',
    principal: null,
    keyring: null,
    versions: [],
    instance: null,
    address: null,
    requestId: null,
    reason: `${count} answers left without a record from ${toIso(from)} on: the log could not be written`,
  };
}

function unavailable(why: string, cause?: Error): KeyturnError {
  return new KeyturnError(
    'audit_unavailable',
    `The audit log cannot be written (${why}): nothing is done or shown that it could not record. Look at what it is kept on: the disk of the data folder, or the database.`,
    {
      retryAfterSeconds: 1,
      ...(cause !== undefined && { cause }),
    },
  );
}
