import { setImmediate as nextTurn } from 'node:timers/promises';
import { KeyturnError } from '../core/errors.ts';
import type { AuditRetention, Checkpoint, RecordRange } from '../ports/audit.ts';
import type { Clock } from '../ports/clock.ts';
import { entriesOf } from './block.ts';
import { hex } from './chain.ts';
import { type AuditKeys, isSigned } from './keys.ts';
import { EVERY_BLOCK, type LedgerReader, type LedgerWriter } from './ledger.ts';
import { actionBit, decodeRecord } from './record.ts';
import { beginAt, segmentOf } from './segment.ts';
import { LOOKED_AT } from './walk.ts';

export interface RetentionDeps {
  readonly reader: LedgerReader;
  readonly writer: Pick<LedgerWriter, 'drop'>;
  readonly keys: AuditKeys;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Only what was exported can be dropped. The caller shows the checkpoint at the end of the export: its hash stands for every record before it, so whoever
 * has verified the export against it holds exactly what goes.
 */
export function auditRetention({ reader, writer, keys, clock }: RetentionDeps): AuditRetention {
  return {
    exportUntil: (until) => segmentOf(reader, keys, until, clock.now()),
    async drop(from, checkpoint, intent) {
      const range = { from, to: checkpoint.sequence };
      if (!isSigned(checkpoint, keys.publicKey)) throw refused('its checkpoint is not signed by the key of this log');
      const begin = beginAt(await reader.anchor());
      if (from !== begin.sequence + 1) throw refused(`it begins at record ${from}, and the log begins at record ${begin.sequence + 1}`);
      if (!(await holds(reader, checkpoint))) throw refused(`record ${range.to} of the log is another one, or not the last of a commit`);
      if (!(await wasExported(reader, range))) throw refused(`no export of records ${from} to ${range.to} is recorded in the log`);
      await intent(range);
      await writer.drop(checkpoint);
      return range;
    },
  };
}

/** As the record of an export and of a drop names it. */
export function rangeText({ from, to }: RecordRange): string {
  return `records ${from} to ${to}`;
}

/** Whether a block of the log ends in the record that the checkpoint names. */
async function holds(reader: LedgerReader, { sequence, hash }: Checkpoint): Promise<boolean> {
  const [block] = await reader.blocks({ ...EVERY_BLOCK, from: sequence, to: sequence, order: 'oldest', limit: 1 });
  return block !== undefined && block.first + block.count - 1 === sequence && hex(block.head) === hash;
}

/** The record of the export lies behind what it exported; the newest pieces of the log are looked at first. */
async function wasExported(reader: LedgerReader, range: RecordRange): Promise<boolean> {
  const end = (await reader.head())?.sequence ?? 0;
  for (let to = end; to > range.to; to -= LOOKED_AT) {
    const from = Math.max(range.to + 1, to - LOOKED_AT + 1);
    const search = { ...EVERY_BLOCK, from, to, actions: actionBit('audit.export'), order: 'oldest' } as const;
    for (const { body, first } of await reader.blocks({ ...search, limit: LOOKED_AT })) if (tellsOf(range, body, first)) return true;
    await nextTurn();
  }
  return false;
}

function tellsOf(range: RecordRange, body: Uint8Array, first: number): boolean {
  return entriesOf(body).entries.some(({ text }, index) => {
    const line = Buffer.from(text).toString();
    if (!line.includes('"audit.export"')) return false;
    const { action, outcome, reason } = decodeRecord(line, first + index);
    return action === 'audit.export' && outcome === 'done' && reason === rangeText(range);
  });
}

function refused(why: string): KeyturnError {
  return new KeyturnError('export_mismatch', `The export does not allow to drop anything: ${why}. Nothing was deleted.`);
}
