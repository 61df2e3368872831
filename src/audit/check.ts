import type { KeyObject } from 'node:crypto';
import type { AuditFinding, Checkpoint } from '../ports/audit.ts';
import { type Block, entriesOf, type Summary, summaryOf } from './block.ts';
import { blockMac, type Head, hex, link, sameBytes, TAG_BYTES } from './chain.ts';
import { isSigned } from './keys.ts';
import { decodeRecord } from './record.ts';

/** After so many a reader knows enough. */
export const MAX_FINDINGS = 20;

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
    for (const checkpoint of options.checkpoints) this.#expect(checkpoint);
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

  /** The blocks in the order of the log. */
  block(block: Block): void {
    const { first, count } = block;
    const follows = first === this.#head.sequence + 1;
    if (first > this.#head.sequence + 1)
      this.find(this.#head.sequence + 1, `records ${this.#head.sequence + 1} to ${first - 1} are missing`);
    if (first <= this.#head.sequence) this.find(first, `record ${first} stands there a second time, or out of its order`);
    if (follows) this.#follow(block);
    this.#records += count;
    this.#head = { sequence: first + count - 1, hash: block.head };
  }

  /** After the last block. @param claimed the end as it is stored or known elsewhere */
  end(claimed: number, by: string): void {
    const { sequence } = this.#head;
    if (claimed > sequence) this.find(sequence + 1, `records ${sequence + 1} to ${claimed} are missing at the end: ${by}`);
  }

  #follow(block: Block): void {
    const before = this.#head;
    const { entries, rest } = entriesOf(block.body);
    let head = before;
    const texts: string[] = [];
    for (const { tag, text } of entries) {
      head = link(head, text);
      const problem = problemOf(head, tag, text);
      if (problem !== null) return void this.find(head.sequence, problem);
      this.#compare(head);
      texts.push(Buffer.from(text).toString());
    }
    this.#seal(block, before, head, rest, texts);
  }

  #seal(block: Block, before: Head, head: Head, rest: number, texts: readonly string[]): void {
    const { first, count } = block;
    const last = first + count - 1;
    if (texts.length !== count || rest !== 0)
      return void this.find(Math.min(head.sequence + 1, last), `the block of records ${first} to ${last} was cut or extended`);
    if (!sameBytes(block.head, head.hash)) return void this.find(last, `record ${last}, or the hash of its block, was altered`);
    if (this.#options.mac !== null && !sameBytes(block.mac, blockMac(this.#options.mac, before, head))) {
      return void this.find(
        first,
        `the block of records ${first} to ${last} does not bear the seal of this log: it was written by somebody else`,
      );
    }
    if (!sameSummary(block, summaryOf(texts))) this.find(first, `what the block of records ${first} to ${last} says of itself was altered`);
  }

  #compare(head: Head): void {
    for (const { hash } of this.#checkpoints.get(head.sequence) ?? []) {
      if (hash !== hex(head.hash))
        this.find(head.sequence, `record ${head.sequence} or one before it is not what a signed checkpoint says`);
    }
  }

  #expect(checkpoint: Checkpoint): void {
    const { publicKey } = this.#options;
    const { sequence } = checkpoint;
    if (publicKey !== null && !isSigned(checkpoint, publicKey)) {
      return void this.find(sequence, `the checkpoint at record ${sequence} is not signed by the key of this log`);
    }
    this.#checkpoints.set(sequence, [...(this.#checkpoints.get(sequence) ?? []), checkpoint]);
    if (sequence === this.#head.sequence) this.#compare(this.#head);
  }
}

function problemOf(head: Head, tag: Uint8Array, text: Uint8Array): string | null {
  const { sequence } = head;
  if (!sameBytes(tag, head.hash.subarray(0, TAG_BYTES))) {
    return `record ${sequence} is not what was written after record ${sequence - 1}: it, or its hash, was altered, moved or removed`;
  }
  try {
    decodeRecord(Buffer.from(text).toString(), sequence);
    return null;
  } catch {
    return `record ${sequence} is no record of Keyturn`;
  }
}

function sameSummary(one: Summary, other: Summary): boolean {
  return one.earliest === other.earliest && one.latest === other.latest && one.actions === other.actions && one.outcomes === other.outcomes;
}
