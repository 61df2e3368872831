import { createHmac, createSecretKey } from 'node:crypto';
import { type Instant, toIso } from '../core/time.ts';
import type { AuditEvent } from '../ports/journal.ts';
import type { Random } from '../ports/random.ts';
import { type AuditKeys, makeAuditKeys, readAuditKeys } from './keys.ts';
import type { LocalLedgerReader } from './ledger.ts';

/**
 * A spool is a log of one replica, in its data folder, for the time in which the log that all replicas share cannot be written. Its records are
 * moved into that log when it is back; then the spool is gone. It is never written on again: the next outage has another one.
 */
export interface SpoolAtRest {
  /** Never used twice: see `spoolName`. */
  readonly name: string;
  /** How many records were written to it, as this process counted them; null where another one wrote it. */
  readonly written: number | null;
  /** @throws KeyturnError what keeps it from being read */
  open(): LocalLedgerReader;
  /** Whether a failure of `open` or of its reader says that the file is no longer what was written. */
  isDamage(failure: unknown): boolean;
  /** All of it is in the shared log. */
  discard(): void;
  /** What could be believed is in the shared log; the rest is evidence, and stays. @returns where it lies */
  setAside(): string;
}

/** A part of a spool on its way. */
export interface SpoolPortion {
  readonly spool: string;
  /** The mark that the part before has left. */
  readonly after: number;
  /** The mark that this one leaves. */
  readonly mark: number;
  readonly texts: readonly SpoolText[];
  readonly at: Instant;
}

/** A record as it will stand in the shared log. */
export interface SpoolText {
  readonly text: string;
  /** Its request, where the record may be in the shared log already: its commit failed, and a failure can be an answer that was lost. */
  readonly doubt: Doubt | null;
}

export interface Doubt {
  readonly requestId: string;
  readonly at: Instant;
}

/** What the reason of such a record begins with. */
export const UNCONFIRMED = 'the database did not confirm it';

export function doubtOf({ at, requestId, reason }: AuditEvent): Doubt | null {
  return requestId !== null && reason?.startsWith(UNCONFIRMED) === true ? { requestId, at } : null;
}

/** Nothing of the spool was moved yet. */
export const NOT_MOVED = 0;
/** All of it was. */
export const ALL_MOVED = Number.MAX_SAFE_INTEGER;

/** The shared log, as a mover sees it. */
export interface SpoolReceiver {
  /** Where the last portion ended: `NOT_MOVED`, the first record of its last block, or `ALL_MOVED`. @throws KeyturnError `corrupt_document` where it was forged */
  markOf(spool: string): Promise<number>;
  /**
   * Appends the texts and moves the mark, both or neither. What stands in the log already, of those in doubt, is left out.
   * @throws KeyturnError `conflict` where the mark is not at `after`; what the database throws. It may have happened all the same: ask `markOf`
   */
  take(portion: SpoolPortion): Promise<void>;
}

/** When it was begun, and where: `20261125T002140123Z-web-3-1f9c2a77`. Names of one replica sort by time. @param host as the machine calls itself */
export function spoolName(at: Instant, host: string, random: Random): string {
  const place = host.toLowerCase().replace(/[^a-z0-9.-]+/g, '-');
  return `${toIso(at).replace(/[-:.]/g, '')}-${place.slice(0, 60) || 'unnamed'}-${random.bytes(4).toString('hex')}`;
}

/** As records name it: without its time. */
export function labelOf(name: string): string {
  return name.slice(name.indexOf('-') + 1);
}

/**
 * Of one spool alone: no part of another one, nor of the shared log, can be put in its place, nor it in theirs. Only the key of its seals can be
 * made again; its checkpoints are worth nothing to anybody.
 */
export function spoolKeys({ mac }: Pick<AuditKeys, 'mac'>, name: string, random: Random): AuditKeys {
  const key = createHmac('sha256', mac).update(`keyturn audit spool v1 ${name}`).digest();
  return { ...readAuditKeys(makeAuditKeys(random)), mac: createSecretKey(key) };
}
