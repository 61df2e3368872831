import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Block } from './block.ts';
import { EVERY_BLOCK, type LedgerReader } from './ledger.ts';

/** So many records are read at once, and the rest of the block in which the last of them is. */
const RECORDS_AT_ONCE = 1_000;
/** A search that leaves most blocks out looks at those of so many records at once: an index it has not, and a log can be long. */
export const LOOKED_AT = 10_000;

/**
 * The blocks that hold records from `from` to `to`, in the order of the log, read in bounded pieces with a turn of the event loop after each. What is
 * appended meanwhile comes too; where records are missing it goes on behind them.
 */
export async function* blocksFrom(reader: LedgerReader, from: number, to: number = Number.MAX_SAFE_INTEGER): AsyncGenerator<Block> {
  for (let next = from; next <= to; ) {
    const piece = await pieceFrom(reader, next, to);
    const last = piece.at(-1);
    if (last === undefined) return;
    yield* piece;
    next = last.first + last.count;
    await nextTurn();
  }
}

async function pieceFrom(reader: LedgerReader, from: number, to: number): Promise<readonly Block[]> {
  const search = { ...EVERY_BLOCK, from, order: 'oldest' } as const;
  // records bound the piece, not blocks: one may hold a record or thousands
  const near = await reader.blocks({ ...search, to: Math.min(to, from + RECORDS_AT_ONCE - 1), limit: RECORDS_AT_ONCE });
  return near.length > 0 ? near : reader.blocks({ ...search, to, limit: 1 });
}
