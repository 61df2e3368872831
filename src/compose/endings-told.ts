import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Endings } from '../audit/endings.ts';
import { type AuditKeys, signCheckpoint } from '../audit/keys.ts';
import { beginAt } from '../audit/segment.ts';
import { verifySegment } from '../audit/verify-segment.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import type { AuditRecord } from '../ports/journal.ts';
import { sqliteLedgerReader } from '../stores/sqlite/audit/reader.ts';
import { openAuditDatabase } from '../stores/sqlite/audit/schema.ts';
import { SNAPSHOT_AUDIT } from '../stores/sqlite/snapshot.ts';
import { linesIn } from './lines-in.ts';
import { segmentsIn } from './segment-files.ts';

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
 * Reads segments of the log that a backup belongs to, in the order of the log. Each must bear that log's seals and signature; together they follow on the
 * backup without a gap and reach beyond it. What only repeats is passed over, once that is proved.
 * @param paths files, or folders, of which every segment in them is taken
 * @throws KeyturnError `precondition_failed` where they do not
 */
export async function endingsIn(paths: readonly string[], { folder, keys, clock }: Backup): Promise<Told> {
  const { mac, publicKey, signing } = keys;
  const head = headOf(folder);
  const endings = new Endings(head.sequence);
  let until: Instant = 0;
  let known = head.sequence === 0 ? null : signCheckpoint(head, clock.now(), signing);
  const heed = (record: AuditRecord): void => {
    endings.take(record);
    until = Math.max(until, record.at);
  };
  for (const { path, last, publicKey: named } of await segmentsIn(paths)) {
    const reached = known?.sequence ?? 0;
    const repeats = last !== null && last <= reached && named === publicKey;
    const options = { mac, publicKey, known: repeats ? null : known };
    const { verdict, begin, checkpoint } = await verifySegment(linesIn(path), options, repeats ? undefined : heed);
    const [finding] = verdict.findings;
    if (finding !== undefined) throw refused(path, finding.problem);
    if (repeats) continue;
    if (begin.sequence > reached)
      throw refused(path, `it begins after record ${begin.sequence}, and what is known before it ends with record ${reached}`);
    known = checkpoint;
  }
  if (until > 0) return { endings, until };
  throw refused(paths.join(', '), `nothing in it lies behind record ${head.sequence}, with which the log of the backup ends`);
}

/** Where the log of the backup ends; its beginning where the backup holds none. */
function headOf(folder: string) {
  const path = join(folder, SNAPSHOT_AUDIT);
  if (!existsSync(path)) return { sequence: 0, hash: new Uint8Array() };
  const reader = sqliteLedgerReader(openAuditDatabase(path));
  try {
    return reader.head() ?? beginAt(reader.anchor());
  } finally {
    reader.close();
  }
}

function refused(file: string, why: string): KeyturnError {
  return new KeyturnError(
    'precondition_failed',
    `${file} does not tell what happened after this backup: ${why}. Nothing was restored. Give other exports, or say --revoke-all.`,
  );
}
