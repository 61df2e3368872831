import type { KeyObject } from 'node:crypto';
import type { AuditFinding, Checkpoint } from '../ports/audit.ts';
import type { AuditRecord } from '../ports/journal.ts';
import { type Block, type Entry, eachEntry, type Summary } from './block.ts';
import { blockMac, type Head, hex, link, sameBytes, TAG_BYTES } from './chain.ts';
import { isSigned } from './keys.ts';
import { actionBit, decodeRecord, outcomeBit } from './record.ts';

/** After so many a reader knows enough. */
export const MAX_FINDINGS = 20;
/** Records of one step: some milliseconds of work. */
const STEP = 200;

export interface CheckOptions {
  /** Where the chain begins: `GENESIS`, or what a drop left. */
  readonly begin: Head;
  /** Null: seals are not checked. */
  readonly mac: KeyObject | null;
  /** PEM; null: signatures are not checked. */
  readonly publicKey: string | null;
  /** Signed statements that the chain must agree with. */
  readonly checkpoints: readonly Checkpoint[];
}

/**
 * Follows the chain block by block and names each place where it breaks: it goes on from what the log itself claims, so that one altered
 * record is one finding.
 */
export class ChainCheck {
  readonly #options: CheckOptions;
  readonly #checkpoints = new Map<number, Checkpoint[]>();
  readonly #findings: AuditFinding[] = [];
  #head: Head;
  #records = 0;

  constructor(options: CheckOptions) {
    this.#options = options;
    this.#head = options.begin;
    for (const checkpoint of options.checkpoints) this.expect(checkpoint);
  }

  get head(): Head {
    return this.#head;
  }

  get records(): number {
    return this.#records;
  }

  get findings(): readonly AuditFinding[] {
    return this.#findings;
  }

  /** One finding a record is enough. */
  find(sequence: number, problem: string): void {
    const isNew = this.#findings.at(-1)?.sequence !== sequence;
    if (isNew && this.#findings.length < MAX_FINDINGS) this.#findings.push({ sequence, problem });
  }

  /** The blocks in the order of the log, each in one go. */
  block(block: Block): void {
    const steps = this.steps(block);
    while (steps.next().done !== true);
  }

  /** As `block`, for whoever shares the thread with others: a step is at most `STEP` records, and the block is checked after the last one. */
  *steps(block: Block): Generator<void> {
    const { first, count } = block;
    const follows = first === this.#head.sequence + 1;
    if (first > this.#head.sequence + 1)
      this.find(this.#head.sequence + 1, `records ${this.#head.sequence + 1} to ${first - 1} are missing`);
    if (first <= this.#head.sequence) this.find(first, `record ${first} stands there a second time, or out of its order`);
    if (follows) yield* this.#follow(block);
    this.#records += count;
    this.#head = { sequence: first + count - 1, hash: block.head };
  }

  /** After the last block. @param claimed the end as it is stored or known elsewhere */
  end(claimed: number, by: string): void {
    const { sequence } = this.#head;
    if (claimed > sequence) this.find(sequence + 1, `records ${sequence + 1} to ${claimed} are missing at the end: ${by}`);
  }

  *#follow(block: Block): Generator<void> {
    const before = this.#head;
    const entries = eachEntry(block.body);
    const sum = new Sum();
    let head = before;
    for (let step = entries.next(), found = 1; ; step = entries.next(), found++) {
      if (step.done === true) return this.#seal(block, before, head, step.value, found - 1, sum);
      head = link(head, step.value.text);
      const record = recordIn(step.value, head);
      if (typeof record === 'string') return void this.find(head.sequence, record);
      this.#compare(head);
      sum.add(record);
      if (found % STEP === 0) yield;
    }
  }

  #seal(block: Block, before: Head, head: Head, rest: number, found: number, sum: Sum): void {
    const { first, count } = block;
    const last = first + count - 1;
    if (found !== count || rest !== 0)
      return void this.find(Math.min(head.sequence + 1, last), `the block of records ${first} to ${last} was cut or extended`);
    if (!sameBytes(block.head, head.hash)) return void this.find(last, `record ${last}, or the hash of its block, was altered`);
    if (this.#options.mac !== null && !sameBytes(block.mac, blockMac(this.#options.mac, before, head))) {
      return void this.find(
        first,
        `the block of records ${first} to ${last} does not bear the seal of this log: it was written by somebody else`,
      );
    }
    if (!sameSummary(block, sum.summary)) this.find(first, `what the block of records ${first} to ${last} says of itself was altered`);
  }

  #compare(head: Head): void {
    for (const { hash } of this.#checkpoints.get(head.sequence) ?? []) {
      if (hash !== hex(head.hash))
        this.find(head.sequence, `record ${head.sequence} or one before it is not what a signed checkpoint says`);
    }
  }

  /** One more signed statement that the chain must agree with, from here on. */
  expect(checkpoint: Checkpoint): void {
    const { publicKey } = this.#options;
    const { sequence } = checkpoint;
    if (publicKey !== null && !isSigned(checkpoint, publicKey)) {
      return void this.find(sequence, `the checkpoint at record ${sequence} is not signed by the key of this log`);
    }
    this.#checkpoints.set(sequence, [...(this.#checkpoints.get(sequence) ?? []), checkpoint]);
    if (sequence === this.#head.sequence) this.#compare(this.#head);
  }
}

/** The record of an entry, or what is wrong with it. */
function recordIn({ tag, text }: Entry, { sequence, hash }: Head): AuditRecord | string {
  if (!sameBytes(tag, hash.subarray(0, TAG_BYTES))) {
    return `record ${sequence} is not what was written after record ${sequence - 1}: it, or its hash, was altered, moved or removed`;
  }
  try {
    return decodeRecord(Buffer.from(text).toString(), sequence);
  } catch {
    return `record ${sequence} is no record of Keyturn`;
  }
}

/** What a block must say of its records, gathered one by one. */
class Sum {
  #earliest = Number.MAX_SAFE_INTEGER;
  #latest = 0;
  readonly #actions = new Set<AuditRecord['action']>();
  readonly #outcomes = new Set<AuditRecord['outcome']>();

  add({ at, action, outcome }: AuditRecord): void {
    this.#earliest = Math.min(this.#earliest, at);
    this.#latest = Math.max(this.#latest, at);
    this.#actions.add(action);
    this.#outcomes.add(outcome);
  }

  get summary(): Summary {
    const bits = (all: readonly number[]) => all.reduce((sum, bit) => sum + bit, 0);
    return {
      earliest: this.#earliest,
      latest: this.#latest,
      actions: bits([...this.#actions].map(actionBit)),
      outcomes: bits([...this.#outcomes].map(outcomeBit)),
    };
  }
}

function sameSummary(one: Summary, other: Summary): boolean {
  return one.earliest === other.earliest && one.latest === other.latest && one.actions === other.actions && one.outcomes === other.outcomes;
}
