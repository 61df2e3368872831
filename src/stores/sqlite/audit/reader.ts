import type { Block } from '../../../audit/block.ts';
import type { LocalLedgerReader } from '../../../audit/ledger.ts';
import type { Checkpoint } from '../../../ports/audit.ts';
import type { Database } from '../database.ts';
import { bytesOf, numberOf, type Row, textOf } from '../row.ts';

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
      return row === undefined ? null : { sequence: numberOf(row, 'sequence'), hash: bytesOf(row, 'hash'), mac: bytesOf(row, 'mac') };
    },
    checkpoints: () => checkpoints.all().map(checkpointOf),
    anchor() {
      const row = anchor.first();
      return row === undefined ? null : checkpointOf(row);
    },
    changes: () => changes.all().map((row) => ({ keyring: textOf(row, 'keyring'), changedAt: numberOf(row, 'changed_at') })),
    close: () => database.close(),
  };
}

function blockOf(row: Row): Block {
  return {
    first: numberOf(row, 'first'),
    count: numberOf(row, 'count'),
    earliest: numberOf(row, 'earliest'),
    latest: numberOf(row, 'latest'),
    actions: numberOf(row, 'actions'),
    outcomes: numberOf(row, 'outcomes'),
    head: bytesOf(row, 'head'),
    mac: bytesOf(row, 'mac'),
    body: bytesOf(row, 'body'),
  };
}

function checkpointOf(row: Row): Checkpoint {
  return { sequence: numberOf(row, 'sequence'), at: numberOf(row, 'at'), hash: textOf(row, 'hash'), signature: textOf(row, 'signature') };
}
