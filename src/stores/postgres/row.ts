import { KeyturnError } from '../../core/errors.ts';

/** A row as `pg` gives it: bigint columns come as text. */
export type Row = Readonly<Record<string, unknown>>;

const WHOLE = /^-?\d{1,16}$/;

/** @throws KeyturnError `corrupt_document`, as the others do, where a column holds something else */
export function textOf(row: Row, column: string): string {
  const value = row[column];
  return typeof value === 'string' ? value : wrong(column);
}

export function numberOf(row: Row, column: string): number {
  const value = row[column];
  if (typeof value === 'number') return value;
  return typeof value === 'string' && WHOLE.test(value) ? Number(value) : wrong(column);
}

export function bytesOf(row: Row, column: string): Uint8Array {
  const value = row[column];
  return value instanceof Uint8Array ? value : wrong(column);
}

export function textsOf(row: Row, column: string): string[] {
  const value = row[column];
  if (!Array.isArray(value)) return wrong(column);
  return value.map((item: unknown) => (typeof item === 'string' ? item : wrong(column)));
}

export function orNull<Value>(read: (row: Row, column: string) => Value, row: Row, column: string): Value | null {
  return row[column] === null ? null : read(row, column);
}

function wrong(column: string): never {
  throw new KeyturnError('corrupt_document', `A row of the database holds a wrong kind of value in ${column}. Restore it from a backup.`);
}
