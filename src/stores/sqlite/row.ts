import type { SQLOutputValue } from 'node:sqlite';
import { KeyturnError } from '../../core/errors.ts';

export type Row = Readonly<Record<string, SQLOutputValue>>;

/** @throws KeyturnError `corrupt_document`, as the others do, where a column holds something else */
export function textOf(row: Row, column: string): string {
  const value = row[column];
  return typeof value === 'string' ? value : wrong(column);
}

export function numberOf(row: Row, column: string): number {
  const value = row[column];
  return typeof value === 'number' ? value : wrong(column);
}

export function bytesOf(row: Row, column: string): Uint8Array {
  const value = row[column];
  return value instanceof Uint8Array ? value : wrong(column);
}

export function orNull<Value>(read: (row: Row, column: string) => Value, row: Row, column: string): Value | null {
  return row[column] === null ? null : read(row, column);
}

function wrong(column: string): never {
  throw new KeyturnError('corrupt_document', `A row of the database holds a wrong kind of value in ${column}. Restore it from a backup.`);
}
