import type { KeyObject } from 'node:crypto';
import type { AuditRecord } from '../ports/journal.ts';
import { type Block, entriesOf } from './block.ts';
import { GENESIS, type Head, headMac, sameBytes } from './chain.ts';
import { ChainCheck } from './check.ts';
import { EVERY_BLOCK, type LocalLedgerReader } from './ledger.ts';
import { decodeRecord } from './record.ts';

/** Some blocks of a spool. */
export interface SpoolPart {
  /** The first record of its last block: grows from part to part, whatever was done to the spool. */
  readonly first: number;
  /** Of blocks that bear the seal of the spool and follow one another; the records of others are not believed. */
  readonly records: readonly AuditRecord[];
  /** What is wrong, in words. */
  readonly problems: readonly string[];
  /** Nothing follows: it has no records. */
  readonly isLast: boolean;
}

const PAGE = 16;
/** Each part is one transaction, prepared between two answers. */
const RECORDS_IN_A_PART = 512;

/**
 * Reads and proves a whole spool. The last part has the problems of its end.
 * @param written how many records there were; null = unknown
 * @param moved the `first` of a part of an earlier reading: no part has blocks on both sides of it, whatever was done to the spool since
 */
export function* partsOf(reader: LocalLedgerReader, mac: KeyObject, written: number | null, moved: number): Generator<SpoolPart> {
  let head = GENESIS;
  let records: AuditRecord[] = [];
  let problems: string[] = [];
  let first = 0;
  for (const block of blocksOf(reader)) {
    if (first <= moved && block.first > moved && records.length + problems.length > 0) {
      yield { first, records, problems, isLast: false };
      [records, problems] = [[], []];
    }
    const check = new ChainCheck({ begin: head, mac, publicKey: null, checkpoints: [] });
    check.block(block);
    const [finding] = check.findings;
    if (finding === undefined) records.push(...recordsIn(block));
    else problems.push(`${finding.problem}; ${rangeOf(block)} not believed`);
    head = check.head;
    first = block.first;
    if (records.length < RECORDS_IN_A_PART) continue;
    yield { first, records, problems, isLast: false };
    [records, problems] = [[], []];
  }
  if (records.length > 0 || problems.length > 0) yield { first, records, problems, isLast: false };
  yield { first, records: [], problems: problemsOfEnd(reader, mac, head, written), isLast: true };
}

/** In the order of their first records, each once: also where somebody altered their counts. */
function* blocksOf(reader: LocalLedgerReader): Generator<Block> {
  let last = 0;
  for (;;) {
    const page = reader.blocks({ ...EVERY_BLOCK, from: last + 1, order: 'oldest', limit: PAGE }).filter(({ first }) => first > last);
    if (page.length === 0) return;
    for (const block of page) {
      yield block;
      last = block.first;
    }
  }
}

function recordsIn({ body, first }: Block): AuditRecord[] {
  return entriesOf(body).entries.map(({ text }, index) => decodeRecord(Buffer.from(text).toString(), first + index));
}

function problemsOfEnd(reader: LocalLedgerReader, mac: KeyObject, head: Head, written: number | null): string[] {
  const check = new ChainCheck({ begin: head, mac, publicKey: null, checkpoints: [] });
  const stored = reader.head();
  if (stored === null && head.sequence > 0) check.find(head.sequence, 'its end is not recorded any more');
  else if (stored !== null && !sameBytes(stored.mac, headMac(mac, stored))) check.find(head.sequence, 'its recorded end was altered');
  else if (stored !== null) check.end(stored.sequence, 'its recorded end names them');
  check.end(written ?? 0, 'the replica that wrote them has counted them');
  return check.findings.map(({ problem }) => problem);
}

function rangeOf({ first, count }: Block): string {
  return count === 1 ? `record ${first} is` : `records ${first} to ${first + count - 1} are`;
}
