import { open } from 'node:fs/promises';
import { hex, sameBytes } from '../audit/chain.ts';
import { EVERY_BLOCK, type LedgerReader } from '../audit/ledger.ts';
import { beginOf, segmentOf } from '../audit/segment.ts';
import { verifySegment } from '../audit/verify-segment.ts';
import type { Dropped } from '../cli/audit-tools.ts';
import { systemClock } from '../clock.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import type { Checkpoint } from '../ports/audit.ts';
import { linesIn } from './lines-in.ts';
import { type LogInPlace, note } from './log-in-place.ts';

/** Writes what ended before an instant to a new file; null = there is nothing. @throws KeyturnError */
export async function exportUntil(log: LogInPlace, until: Instant, file: string): Promise<Dropped | null> {
  const { lines, checkpoint, from } = await segmentOf(log.reader, log.keys, until, systemClock.now());
  if (checkpoint === null) return null;
  const out = await open(file, 'wx', 0o600).catch((cause: unknown) => {
    throw new KeyturnError('invalid_config', `${file} cannot be made. Name a file that does not exist, in a folder that does.`, { cause });
  });
  try {
    for await (const line of lines) await out.write(`${line}\n`);
    await out.sync();
  } finally {
    await out.close();
  }
  await note(log, 'audit.export', `records ${from} to ${checkpoint.sequence}`);
  return { from, to: checkpoint.sequence };
}

/** Deletes what a file holds, once it is proved that it holds it. @throws KeyturnError `precondition_failed` */
export async function dropExported(log: LogInPlace, file: string): Promise<Dropped> {
  const { mac, publicKey } = log.keys;
  const { verdict, begin, checkpoint } = await verifySegment(linesIn(file), { mac, publicKey, known: null });
  if (!verdict.intact || checkpoint === null) throw refused(file, verdict.findings[0]?.problem ?? 'it has no checkpoint');
  const expected = await beginOf(log.reader);
  if (begin.sequence !== expected.sequence || !sameBytes(begin.hash, expected.hash)) {
    throw refused(file, `it begins after record ${begin.sequence}, and the log begins after record ${expected.sequence}`);
  }
  if (!(await holds(log.reader, checkpoint))) throw refused(file, 'the log holds something else there');
  await note(log, 'audit.drop', `records ${begin.sequence + 1} to ${checkpoint.sequence}, exported before`);
  await log.writer.drop(checkpoint);
  return { from: begin.sequence + 1, to: checkpoint.sequence };
}

/** Whether a block of the log ends in the record that the checkpoint names. */
async function holds(reader: LedgerReader, { sequence, hash }: Checkpoint): Promise<boolean> {
  const [block] = await reader.blocks({ ...EVERY_BLOCK, from: sequence, to: sequence, order: 'newest', limit: 1 });
  return block !== undefined && block.first + block.count - 1 === sequence && hex(block.head) === hash;
}

function refused(file: string, why: string): KeyturnError {
  return new KeyturnError('precondition_failed', `${file} does not allow to drop anything: ${why}. Nothing was deleted.`);
}
