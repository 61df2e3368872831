import type { LocalLedgerReader } from '../../../audit/ledger.ts';
import { ledgerRows } from '../../ledger-rows.ts';
import type { Database } from '../database.ts';
import { bytesOf, numberOf, textOf } from '../row.ts';

const { blockOf, headOf, checkpointOf, changeOf } = ledgerRows({ numberOf, textOf, bytesOf });

/** Looks at no block outside `from` to `to`: a block is never so long that more than the one before `from` could reach into it. */
const MATCHING = `
  FROM blocks
  WHERE first <= :to AND first + count > :from
    AND first >= coalesce((SELECT max(first) FROM blocks WHERE first <= :from), 0)
    AND (:actions IS NULL OR actions & :actions <> 0)
    AND (:outcomes IS NULL OR outcomes & :outcomes <> 0)
    AND (:since IS NULL OR latest >= :since)
    AND (:until IS NULL OR earliest < :until)`;

/** Reads an audit database through any connection to it. */
export function sqliteLedgerReader(database: Database): LocalLedgerReader {
  const newest = database.prepare(`SELECT * ${MATCHING} ORDER BY first DESC LIMIT :limit`);
  const oldest = database.prepare(`SELECT * ${MATCHING} ORDER BY first LIMIT :limit`);
  const head = database.prepare('SELECT sequence, hash, mac FROM head');
  const checkpoints = database.prepare('SELECT sequence, at, hash, signature FROM checkpoints WHERE anchors = 0 ORDER BY sequence');
  const anchor = database.prepare('SELECT sequence, at, hash, signature FROM checkpoints WHERE anchors = 1 ORDER BY sequence DESC LIMIT 1');
  const changes = database.prepare('SELECT keyring, changed_at FROM changes');
  return {
    blocks({ from, to, actions, outcomes, since, until, order, limit }) {
      const values = { from, to, actions, outcomes, since, until, limit };
      return (order === 'newest' ? newest : oldest).allNamed(values).map(blockOf);
    },
    head() {
      const row = head.first();
      return row === undefined ? null : headOf(row);
    },
    checkpoints: () => checkpoints.all().map(checkpointOf),
    anchor() {
      const row = anchor.first();
      return row === undefined ? null : checkpointOf(row);
    },
    changes: () => changes.all().map(changeOf),
    close: () => database.close(),
  };
}
