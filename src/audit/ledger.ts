import { KeyturnError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import type { Checkpoint } from '../ports/audit.ts';
import type { LeaseGrant } from '../ports/leases.ts';
import type { Block } from './block.ts';
import type { Head } from './chain.ts';

/** What one commit writes: all of it or nothing. */
export interface Batch {
  /** As `encodeEvent` writes them; may be empty, to prove that the log can be written. */
  readonly texts: readonly string[];
  readonly leases: readonly LeaseGrant[];
  readonly changes: readonly RecordedChange[];
  /** By the service's clock, for checkpoints. */
  readonly at: Instant;
}

/** The newest change of a keyring that has its record. */
export interface RecordedChange {
  readonly keyring: string;
  readonly changedAt: Instant;
}

/** Where the log is written. One writer at a time: it holds the head. */
export interface LedgerWriter {
  /**
   * Calls back when the batch is durable, or with what kept it from being; then nothing of it was written, unless a database did it and its answer was
   * lost: the next commit finds that, and writes no text of it twice. The next batch is given only after that.
   */
  commit(batch: Batch, done: (failure: Error | null) => void): void;
  /** Signs the head and stores the checkpoint. */
  checkpoint(at: Instant): Promise<Checkpoint>;
  /**
   * Makes `anchor`, the end of a block, the point where the chain begins. Resolves when that is durable; the blocks before it go in small pieces after
   * that, between commits. What a crash leaves of them goes later, and belongs to the log no more.
   * @throws KeyturnError `export_mismatch` where the chain does not pass through `anchor`
   */
  drop(anchor: Checkpoint): Promise<void>;
  close(): Promise<void>;
}

/** The last record as stored beside the blocks. */
export interface StoredHead extends Head {
  readonly mac: Uint8Array;
}

export interface BlockSearch {
  /** Blocks with records from this sequence on / up to this one. */
  readonly from: number;
  readonly to: number;
  /** Bits of which a block must have one; null = whichever. */
  readonly actions: number | null;
  readonly outcomes: number | null;
  readonly since: Instant | null;
  readonly until: Instant | null;
  readonly order: 'newest' | 'oldest';
  readonly limit: number;
}

/** A search that leaves nothing out; add order and limit. */
export const EVERY_BLOCK = { from: 0, to: Number.MAX_SAFE_INTEGER, actions: null, outcomes: null, since: null, until: null } as const;

type Soon<Value> = Value | Promise<Value>;

/** Reads what was committed, at any time, also while a batch is being written. */
export interface LedgerReader {
  blocks(search: BlockSearch): Soon<readonly Block[]>;
  /** Null = nothing was written yet, or the row is gone. */
  head(): Soon<StoredHead | null>;
  /** Oldest first. */
  checkpoints(): Soon<readonly Checkpoint[]>;
  /** Where the chain begins after a drop; null = at its first record. */
  anchor(): Soon<Checkpoint | null>;
  changes(): Soon<readonly RecordedChange[]>;
  close(): void;
}

/** One on this machine, whose answers are at hand. */
export interface LocalLedgerReader extends LedgerReader {
  blocks(search: BlockSearch): readonly Block[];
  head(): StoredHead | null;
  checkpoints(): readonly Checkpoint[];
  anchor(): Checkpoint | null;
  changes(): readonly RecordedChange[];
}

/** For whoever asks to drop up to what is not, or not any more, a point of the chain. */
export function offTheChain({ sequence }: Checkpoint): KeyturnError {
  return new KeyturnError('export_mismatch', `The log does not pass through record ${sequence} of that checkpoint. Nothing was deleted.`);
}
