import type { Block } from '../audit/block.ts';
import type { RecordedChange, StoredHead } from '../audit/ledger.ts';
import type { Checkpoint } from '../ports/audit.ts';

/** How a driver's rows are read: each throws `corrupt_document` where a column holds something else. */
export interface Columns<Row> {
  numberOf(row: Row, column: string): number;
  textOf(row: Row, column: string): string;
  bytesOf(row: Row, column: string): Uint8Array;
}

/** The rows of an audit log, whose columns have the same names in every database. */
export function ledgerRows<Row>({ numberOf, textOf, bytesOf }: Columns<Row>) {
  return {
    blockOf: (row: Row): Block => ({
      first: numberOf(row, 'first'),
      count: numberOf(row, 'count'),
      earliest: numberOf(row, 'earliest'),
      latest: numberOf(row, 'latest'),
      actions: numberOf(row, 'actions'),
      outcomes: numberOf(row, 'outcomes'),
      head: bytesOf(row, 'head'),
      mac: bytesOf(row, 'mac'),
      body: bytesOf(row, 'body'),
    }),
    headOf: (row: Row): StoredHead => ({ sequence: numberOf(row, 'sequence'), hash: bytesOf(row, 'hash'), mac: bytesOf(row, 'mac') }),
    checkpointOf: (row: Row): Checkpoint => ({
      sequence: numberOf(row, 'sequence'),
      at: numberOf(row, 'at'),
      hash: textOf(row, 'hash'),
      signature: textOf(row, 'signature'),
    }),
    changeOf: (row: Row): RecordedChange => ({ keyring: textOf(row, 'keyring'), changedAt: numberOf(row, 'changed_at') }),
  };
}
