import type { KeyObject } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AuditVerdict, Checkpoint } from '../ports/audit.ts';
import type { Block } from './block.ts';
import { GENESIS, type Head, headMac, hex, sameBytes } from './chain.ts';
import { ChainCheck } from './check.ts';
import { isSigned } from './keys.ts';
import { EVERY_BLOCK, type LedgerReader } from './ledger.ts';

export interface VerifyOptions {
  /** Null: not at hand. */
  readonly mac: KeyObject | null;
  readonly publicKey: string | null;
  /** A checkpoint kept elsewhere; null = none. */
  readonly known: Checkpoint | null;
}

/** Blocks read at once; between two such pages the event loop goes on. */
const PAGE = 64;

/** Reads a whole log, also while it is being written: what is appended meanwhile is read too. Where its beginning is dropped meanwhile it is read again. */
export async function verifyLedger(reader: LedgerReader, options: VerifyOptions): Promise<AuditVerdict> {
  for (;;) {
    const anchor = await reader.anchor();
    const verdict = await verifyFrom(anchor, reader, options);
    if (verdict.intact || (await reader.anchor())?.sequence === anchor?.sequence) return verdict;
  }
}

async function verifyFrom(
  anchor: Checkpoint | null,
  reader: LedgerReader,
  { mac, publicKey, known }: VerifyOptions,
): Promise<AuditVerdict> {
  const begin = anchor === null ? GENESIS : pointOf(anchor);
  const stored = await reader.checkpoints();
  const expected = await reader.head();
  const check = new ChainCheck({ begin, mac, publicKey, checkpoints: [...stored, ...(known === null ? [] : [known])] });
  if (anchor !== null && publicKey !== null && !isSigned(anchor, publicKey)) {
    check.find(
      begin.sequence,
      `where the log begins after what was dropped (record ${begin.sequence}) is not signed by the key of this log`,
    );
  }
  for (let page = await blocksAfter(reader, begin.sequence); page.length > 0; page = await blocksAfter(reader, check.head.sequence)) {
    for (const block of page) check.block(block);
    await nextTurn();
  }
  await checkEnd(check, reader, expected?.sequence ?? null, mac);
  for (const { sequence } of stored) check.end(sequence, 'a signed checkpoint in the log names them');
  if (known !== null) check.end(known.sequence, 'the checkpoint given names them');
  return verdictOf(check, begin, unchecked(mac, publicKey, known, begin));
}

/** The stored end is read after the last block: a log that is being written only grows meanwhile. */
async function checkEnd(check: ChainCheck, reader: LedgerReader, expected: number | null, mac: KeyObject | null): Promise<void> {
  const stored = await reader.head();
  const { sequence } = check.head;
  if (stored === null) {
    if (sequence > 0) check.find(sequence, 'the end of the log is not recorded any more: records after it may be missing');
    return;
  }
  if (mac !== null && !sameBytes(stored.mac, headMac(mac, stored))) check.find(stored.sequence, 'the recorded end of the log was altered');
  check.end(expected ?? 0, 'the recorded end of the log names them');
  if (stored.sequence < sequence) check.find(stored.sequence + 1, `records from ${stored.sequence + 1} on lie behind the recorded end`);
  if (stored.sequence === sequence && !sameBytes(stored.hash, check.head.hash)) {
    check.find(sequence, `record ${sequence} is not the one with which the log ended`);
  }
}

export function verdictOf(check: ChainCheck, begin: Head, unsaid: readonly string[]): AuditVerdict {
  const { findings, records, head } = check;
  return {
    intact: findings.length === 0,
    records,
    from: begin.sequence + 1,
    to: head.sequence,
    head: hex(head.hash),
    findings,
    unchecked: unsaid,
  };
}

export function unchecked(mac: KeyObject | null, publicKey: string | null, known: Checkpoint | null, begin: Head): string[] {
  const beforeBegin = known !== null && known.sequence < begin.sequence;
  return [
    mac === null
      ? 'The seals of blocks and of the end: the key of the log was not at hand. A forger who rebuilt all hashes would not be found.'
      : null,
    publicKey === null ? 'Signatures of checkpoints: no public key was at hand.' : null,
    known === null
      ? 'Whether the whole log was set back to an older state: give a checkpoint that was kept elsewhere (--checkpoint).'
      : null,
    beforeBegin ? `The checkpoint given: it is of record ${known.sequence}, which was exported and dropped.` : null,
  ].filter((line) => line !== null);
}

async function blocksAfter(reader: LedgerReader, sequence: number): Promise<readonly Block[]> {
  return reader.blocks({ ...EVERY_BLOCK, from: sequence + 1, order: 'oldest', limit: PAGE });
}

export function pointOf({ sequence, hash }: Checkpoint): Head {
  return { sequence, hash: Buffer.from(hash, 'hex') };
}
