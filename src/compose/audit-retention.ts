import { open } from 'node:fs/promises';
import { auditRetention, rangeText } from '../audit/retention.ts';
import { textOf } from '../audit/segment.ts';
import type { VerifyOptions } from '../audit/verify.ts';
import { verifySegment } from '../audit/verify-segment.ts';
import type { ExportClaim } from '../cli/audit-tools.ts';
import { systemClock } from '../clock.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import type { AuditRetention, RecordRange } from '../ports/audit.ts';
import { linesIn } from './lines-in.ts';
import { type LogInPlace, note } from './log-in-place.ts';

/** Writes what ended before an instant to a new file; null = there is nothing. @throws KeyturnError */
export async function exportUntil(log: LogInPlace, until: Instant, file: string): Promise<RecordRange | null> {
  const exported = await retentionOf(log).exportUntil(until);
  if (exported === null) return null;
  const { from, to, lines } = exported;
  const out = await open(file, 'wx', 0o600).catch((cause: unknown) => {
    throw new KeyturnError('invalid_config', `${file} cannot be made. Name a file that does not exist, in a folder that does.`, { cause });
  });
  try {
    await out.writeFile(textOf(lines));
    await out.sync();
  } finally {
    await out.close();
  }
  await note(log, 'audit.export', rangeText({ from, to }));
  return { from, to };
}

/** Deletes what a file holds, once it is proved that it holds it. @throws KeyturnError `export_mismatch` */
export async function dropExported(log: LogInPlace, file: string): Promise<RecordRange> {
  const { mac, publicKey } = log.keys;
  const { from, checkpoint } = await claimOf(file, { mac, publicKey, known: null });
  return retentionOf(log).drop(from, checkpoint, (range) => note(log, 'audit.drop', `${rangeText(range)}, exported before`));
}

/** What a verified segment shows to whoever is to drop it. @throws KeyturnError `export_mismatch` */
export async function claimOf(file: string, options: VerifyOptions): Promise<ExportClaim> {
  const { verdict, begin, checkpoint } = await verifySegment(linesIn(file), options);
  const [finding] = verdict.findings;
  if (finding === undefined && checkpoint !== null) return { from: begin.sequence + 1, checkpoint };
  const why = finding?.problem ?? 'it has no checkpoint';
  throw new KeyturnError('export_mismatch', `${file} does not allow to drop anything: ${why}. Nothing was deleted.`);
}

function retentionOf({ reader, writer, keys }: LogInPlace): AuditRetention {
  return auditRetention({ reader, writer, keys, clock: systemClock });
}
