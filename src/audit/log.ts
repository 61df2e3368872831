import { setImmediate as nextTurn } from 'node:timers/promises';
import { KeyturnError } from '../core/errors.ts';
import type { AuditFilter, AuditLog, AuditPage, AuditQuery } from '../ports/audit.ts';
import type { Clock } from '../ports/clock.ts';
import type { AuditRecord } from '../ports/journal.ts';
import { entriesOf } from './block.ts';
import type { AuditKeys } from './keys.ts';
import { type BlockSearch, EVERY_BLOCK, type LedgerReader, type LedgerWriter } from './ledger.ts';
import { actionBit, decodeRecord, outcomeBit } from './record.ts';
import { verifyLedger } from './verify.ts';
import { LOOKED_AT } from './walk.ts';

/** Blocks read at once, and records looked at for one page at most: a search that finds little gives short pages, not long waits. */
const BLOCKS = 32;
const MOST_LOOKED_AT = 20_000;
/** A page ends after so many windows of `LOOKED_AT` records in which a search has left blocks out, whatever it found. */
const MOST_WINDOWS = 100;

/** For whoever asks for a verification while another runs. */
const RETRY_AFTER_SECONDS = 5;

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
    verify: oneAtATime((known) => verifyLedger(reader, { mac: keys.mac, publicKey: keys.publicKey, known })),
  };
}

/** Each reads the whole log: many at once would only make all of them, and everybody else, wait longer. */
function oneAtATime(verify: AuditLog['verify']): AuditLog['verify'] {
  let isUnderWay = false;
  return async (known) => {
    if (isUnderWay) throw underWay();
    isUnderWay = true;
    try {
      return await verify(known);
    } finally {
      isUnderWay = false;
    }
  };
}

function underWay(): KeyturnError {
  return new KeyturnError(
    'verification_under_way',
    'The audit log is being verified for somebody else already, once at a time. Try again as Retry-After says.',
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
  );
}

async function page(reader: LedgerReader, query: AuditQuery): Promise<AuditPage> {
  const { order, limit, visible, filter } = query;
  const items: AuditRecord[] = [];
  const extent = leavesOut(filter) ? await extentOf(reader) : EVERY_BLOCK;
  let looked = 0;
  let windows = 0;
  let after = query.after;
  for (;;) {
    const search = searchOf(query, after, extent);
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
      after = order === 'newest' ? Math.max(block.first, search.from) : Math.min(block.first + block.count - 1, search.to);
    }
    if (blocks.length < BLOCKS) {
      const isLast = order === 'newest' ? search.from <= extent.from : search.to >= extent.to;
      if (isLast) return { items, next: null };
      after = order === 'newest' ? search.from : search.to;
      if (++windows === MOST_WINDOWS) return { items, next: after };
    }
    await nextTurn();
  }
}

type Extent = Pick<BlockSearch, 'from' | 'to'>;

/** Whether the ledger may pass over blocks without end before it finds as many as are asked for. */
function leavesOut({ action, outcome, since, until }: AuditFilter): boolean {
  return action !== null || outcome !== null || since !== null || until !== null;
}

/** From the first record that is there to the last. */
async function extentOf(reader: LedgerReader): Promise<Extent> {
  const [[first], [last]] = await Promise.all([
    reader.blocks({ ...EVERY_BLOCK, order: 'oldest', limit: 1 }),
    reader.blocks({ ...EVERY_BLOCK, order: 'newest', limit: 1 }),
  ]);
  return { from: first?.first ?? 0, to: last === undefined ? 0 : last.first + last.count - 1 };
}

/** The next window of the extent; the whole of it where nothing is left out. */
function searchOf({ filter, order }: AuditQuery, after: number | null, extent: Extent): BlockSearch {
  const size = leavesOut(filter) ? LOOKED_AT : Number.MAX_SAFE_INTEGER;
  const to = order === 'newest' ? Math.min(extent.to, (after ?? Number.MAX_SAFE_INTEGER) - 1) : extent.to;
  const from = order === 'oldest' ? Math.max(extent.from, (after ?? 0) + 1) : extent.from;
  return {
    from: order === 'newest' ? Math.max(from, to - size + 1) : from,
    to: order === 'oldest' ? Math.min(to, from + size - 1) : to,
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
