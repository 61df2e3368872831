import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AuditFilter, AuditLog, AuditPage, AuditQuery } from '../ports/audit.ts';
import type { Clock } from '../ports/clock.ts';
import type { AuditRecord } from '../ports/journal.ts';
import { entriesOf } from './block.ts';
import type { AuditKeys } from './keys.ts';
import type { BlockSearch, LedgerReader, LedgerWriter } from './ledger.ts';
import { actionBit, decodeRecord, outcomeBit } from './record.ts';
import { verifyLedger } from './verify.ts';

/** Blocks read at once, and records looked at for one page at most: a search that finds little gives short pages, not long waits. */
const BLOCKS = 32;
const MOST_LOOKED_AT = 20_000;

export interface LogDeps {
  readonly reader: LedgerReader;
  readonly writer: LedgerWriter;
  readonly keys: AuditKeys;
  readonly clock: Pick<Clock, 'now'>;
}

/** The log over whatever ledger it is kept in. */
export function auditLog({ reader, writer, keys, clock }: LogDeps): AuditLog {
  return {
    page: (query) => page(reader, query),
    checkpoint: () => writer.checkpoint(clock.now()),
    publicKey: keys.publicKey,
    verify: (known) => verifyLedger(reader, { mac: keys.mac, publicKey: keys.publicKey, known }),
  };
}

async function page(reader: LedgerReader, query: AuditQuery): Promise<AuditPage> {
  const { order, limit, visible, filter } = query;
  const items: AuditRecord[] = [];
  let looked = 0;
  let after = query.after;
  for (;;) {
    const search = searchOf(query, after);
    const blocks = await reader.blocks(search);
    for (const block of blocks) {
      const entries = entriesOf(block.body).entries.map(({ text }, index) => ({ text, sequence: block.first + index }));
      for (const { text, sequence } of order === 'newest' ? entries.reverse() : entries) {
        if (sequence < search.from || sequence > search.to) continue;
        if (items.length === limit || looked === MOST_LOOKED_AT) return { items, next: after };
        after = sequence;
        looked++;
        const record = decodeRecord(Buffer.from(text).toString(), sequence);
        if (matches(record, filter) && visible(record)) items.push(record);
      }
      // also past a block that could not be read to its end
      after = order === 'newest' ? block.first : block.first + block.count - 1;
    }
    if (blocks.length < BLOCKS) return { items, next: null };
    await nextTurn();
  }
}

function searchOf({ filter, order }: AuditQuery, after: number | null): BlockSearch {
  const range =
    order === 'newest'
      ? { from: 0, to: after === null ? Number.MAX_SAFE_INTEGER : after - 1 }
      : { from: (after ?? 0) + 1, to: Number.MAX_SAFE_INTEGER };
  return {
    ...range,
    actions: filter.action === null ? null : actionBit(filter.action),
    outcomes: filter.outcome === null ? null : outcomeBit(filter.outcome),
    since: filter.since,
    until: filter.until,
    order,
    limit: BLOCKS,
  };
}

function matches(record: AuditRecord, { action, outcome, keyring, principal, instance, since, until }: AuditFilter): boolean {
  return (
    (action === null || record.action === action) &&
    (outcome === null || record.outcome === outcome) &&
    (keyring === null || record.keyring === keyring) &&
    (principal === null || record.principal?.id === principal) &&
    (instance === null || record.instance === instance) &&
    (since === null || record.at >= since) &&
    (until === null || record.at < until)
  );
}
