import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Head } from '../audit/chain.ts';
import { Endings } from '../audit/endings.ts';
import { type AuditKeys, signCheckpoint } from '../audit/keys.ts';
import { beginOf } from '../audit/segment.ts';
import { verifySegment } from '../audit/verify-segment.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import { sqliteLedgerReader } from '../stores/sqlite/audit/reader.ts';
import { openAuditDatabase } from '../stores/sqlite/audit/schema.ts';
import { SNAPSHOT_AUDIT } from '../stores/sqlite/snapshot.ts';
import { linesIn } from './lines-in.ts';

/** What an exported segment of the audit log tells. */
export interface Told {
  readonly endings: Endings;
  /** Of its last record. */
  readonly until: Instant;
}

interface Backup {
  /** Holds the files of the backup. */
  readonly folder: string;
  /** Of the log in the backup. */
  readonly keys: AuditKeys;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Reads a segment of the log that a backup belongs to. It must bear that log's seals and signature, follow on the backup without a gap and reach
 * beyond it.
 * @throws KeyturnError `precondition_failed` where it does not
 */
export async function endingsIn(file: string, { folder, keys, clock }: Backup): Promise<Told> {
  const head = await headOf(folder);
  const endings = new Endings(head.sequence);
  let until: Instant = 0;
  const known = head.sequence === 0 ? null : signCheckpoint(head, clock.now(), keys.signing);
  const { verdict, begin } = await verifySegment(linesIn(file), { mac: keys.mac, publicKey: keys.publicKey, known }, (record) => {
    endings.take(record);
    until = Math.max(until, record.at);
  });
  const [finding] = verdict.findings;
  if (finding !== undefined) throw refused(file, finding.problem);
  if (begin.sequence > head.sequence)
    throw refused(file, `it begins after record ${begin.sequence}, and the log of the backup ends with record ${head.sequence}`);
  return { endings, until };
}

/** Where the log of the backup ends; its beginning where the backup holds none. */
async function headOf(folder: string): Promise<Head> {
  const path = join(folder, SNAPSHOT_AUDIT);
  if (!existsSync(path)) return { sequence: 0, hash: new Uint8Array() };
  const reader = sqliteLedgerReader(openAuditDatabase(path));
  try {
    return reader.head() ?? (await beginOf(reader));
  } finally {
    reader.close();
  }
}

function refused(file: string, why: string): KeyturnError {
  return new KeyturnError(
    'precondition_failed',
    `${file} does not tell what happened after this backup: ${why}. Nothing was restored. Give another export, or say --revoke-all.`,
  );
}
