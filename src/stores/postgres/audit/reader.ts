import type { LedgerReader } from '../../../audit/ledger.ts';
import { ledgerRows } from '../../ledger-rows.ts';
import type { Connections } from '../connections.ts';
import { bytesOf, numberOf, textOf } from '../row.ts';

const { blockOf, headOf, checkpointOf, changeOf } = ledgerRows({ numberOf, textOf, bytesOf });

/** The log of all replicas. @param schema quoted */
export function postgresLedgerReader(connections: Connections, schema: string): LedgerReader {
  // looks at no block outside the range: one is never so long that more than the one before `from` could reach into it
  const matching = `
    SELECT * FROM ${schema}.audit_blocks
    WHERE first <= $2 AND first + count > $1
      AND first >= coalesce((SELECT max(first) FROM ${schema}.audit_blocks WHERE first <= $1), 0)
      AND ($3::bigint IS NULL OR actions & $3 <> 0)
      AND ($4::bigint IS NULL OR outcomes & $4 <> 0)
      AND ($5::bigint IS NULL OR latest >= $5)
      AND ($6::bigint IS NULL OR earliest < $6)`;
  const newest = `${matching} ORDER BY first DESC LIMIT $7`;
  const oldest = `${matching} ORDER BY first LIMIT $7`;
  const head = `SELECT sequence, hash, mac FROM ${schema}.audit_head`;
  const checkpoints = `SELECT * FROM ${schema}.audit_checkpoints WHERE NOT anchors ORDER BY sequence`;
  const anchor = `SELECT * FROM ${schema}.audit_checkpoints WHERE anchors ORDER BY sequence DESC LIMIT 1`;
  const changes = `SELECT keyring, changed_at FROM ${schema}.audit_changes`;

  return {
    async blocks({ from, to, actions, outcomes, since, until, order, limit }) {
      const values = [from, to, actions, outcomes, since, until, limit];
      return (await connections.query(order === 'newest' ? newest : oldest, values)).map(blockOf);
    },
    async head() {
      const [row] = await connections.query(head);
      return row === undefined ? null : headOf(row);
    },
    checkpoints: async () => (await connections.query(checkpoints)).map(checkpointOf),
    async anchor() {
      const [row] = await connections.query(anchor);
      return row === undefined ? null : checkpointOf(row);
    },
    async changes() {
      return (await connections.query(changes)).map(changeOf);
    },
    close: () => undefined, // the connections are the store's
  };
}
