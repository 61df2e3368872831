import type { KeyringName } from '../core/name.ts';
import type { Instant } from '../core/time.ts';
import type { PrincipalId } from '../core/version.ts';
import type { AuditAction, AuditOutcome, AuditRecord } from './journal.ts';
import type { InstanceId } from './leases.ts';

/** Which records are asked for; null = whichever. */
export interface AuditFilter {
  readonly action: AuditAction | null;
  readonly outcome: AuditOutcome | null;
  readonly keyring: KeyringName | null;
  readonly principal: PrincipalId | null;
  readonly instance: InstanceId | null;
  /** From this instant on. */
  readonly since: Instant | null;
  /** Before this instant. */
  readonly until: Instant | null;
}

export type AuditOrder = 'newest' | 'oldest';

export interface AuditQuery {
  readonly filter: AuditFilter;
  /** Whose records are shown at all: a caller bounded to keyrings sees those of its keyrings only. */
  readonly visible: (record: AuditRecord) => boolean;
  readonly order: AuditOrder;
  /** The sequence of the last record looked at by the page before; null = begin. */
  readonly after: number | null;
  readonly limit: number;
}

export interface AuditPage {
  readonly items: readonly AuditRecord[];
  /** Pass it as `after`; null when the log holds no more. A page may be short and still have a successor. */
  readonly next: number | null;
}

/**
 * A signed statement about the head of the log: "record `sequence` has chain hash `hash`". Who keeps one, outside the reach of whoever can
 * write the log, can tell later whether anything up to that record was changed or cut off.
 */
export interface Checkpoint {
  /** The last record at that time; 0 = the log was empty. */
  readonly sequence: number;
  readonly at: Instant;
  /** Chain hash of that record, 64 hex digits. */
  readonly hash: string;
  /** Ed25519, base64. */
  readonly signature: string;
}

/** Something is wrong with the log: where, and what. */
export interface AuditFinding {
  /** The record at which the chain breaks, or the first one missing. */
  readonly sequence: number;
  readonly problem: string;
}

export interface AuditVerdict {
  readonly intact: boolean;
  /** Records that were read. */
  readonly records: number;
  readonly from: number;
  readonly to: number;
  /** Chain hash of the last record, hex. */
  readonly head: string;
  /** At most `MAX_FINDINGS`; the first is where to look. */
  readonly findings: readonly AuditFinding[];
  /** What could not be checked, and why. */
  readonly unchecked: readonly string[];
}

/** Reads the log. Writing is the journal's alone. */
export interface AuditLog {
  page(query: AuditQuery): Promise<AuditPage>;
  /** Signs the head as it is now, and keeps the checkpoint in the log too. */
  checkpoint(): Promise<Checkpoint>;
  /** Ed25519, PEM (SubjectPublicKeyInfo). Keep it with your checkpoints. */
  readonly publicKey: string;
  /**
   * Reads the whole log as of now, without holding up the journal.
   * @param known a checkpoint kept elsewhere; null = only stored ones
   * @throws KeyturnError `verification_under_way`: one at a time
   */
  verify(known: Checkpoint | null): Promise<AuditVerdict>;
}

/** Records `from` to `to`, both included. */
export interface RecordRange {
  readonly from: number;
  readonly to: number;
}

/** The beginning of the log as text (audit/segment.ts has the format). */
export interface AuditExport extends RecordRange {
  /** Read while they are taken; the last one is a signed checkpoint of record `to`. @throws KeyturnError `corrupt_document` where the log is not intact */
  readonly lines: AsyncIterable<string>;
}

/** Makes the log shorter, also while it is written. */
export interface AuditRetention {
  /** All that was committed before `until`; null = nothing was. */
  exportUntil(until: Instant): Promise<AuditExport | null>;
  /**
   * Deletes the beginning of the log, up to the checkpoint at the end of an export.
   * @param from where the export begins
   * @param intent is waited for before anything goes: where it fails, nothing goes
   * @throws KeyturnError `export_mismatch` where the log does not begin at `from`, is not what the checkpoint says, or was not exported
   */
  drop(from: number, checkpoint: Checkpoint, intent: (range: RecordRange) => unknown): Promise<RecordRange>;
}
