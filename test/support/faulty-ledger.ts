import type { LedgerWriter } from '../../src/audit/ledger.ts';
import { KeyturnError } from '../../src/core/errors.ts';

export interface FaultyLedger extends LedgerWriter {
  /** While true no commit succeeds, as on a full disk. */
  full: boolean;
  /** Commits wait until `release`. */
  hold(): void;
  release(): void;
  /** How many records each successful commit wrote. */
  readonly sizes: readonly number[];
}

/** A ledger that fails or waits when told to. */
export function faultyLedger(inner: LedgerWriter): FaultyLedger {
  const sizes: number[] = [];
  let held: (() => void)[] | null = null;
  const ledger: FaultyLedger = {
    full: false,
    sizes,
    hold() {
      held ??= [];
    },
    release() {
      const waiting = held ?? [];
      held = null;
      for (const go of waiting) go();
    },
    commit(batch, done) {
      const go = (): void => {
        if (ledger.full) return void done(new KeyturnError('store_full', 'The disk is full (test).'));
        inner.commit(batch, (failure) => {
          if (failure === null) sizes.push(batch.texts.length);
          done(failure);
        });
      };
      if (held === null) go();
      else held.push(go);
    },
    checkpoint: (at) => inner.checkpoint(at),
    drop: (anchor) => inner.drop(anchor),
    close: () => inner.close(),
  };
  return ledger;
}
