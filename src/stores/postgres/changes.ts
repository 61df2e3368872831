import type { ChangeCursor } from '../../ports/store.ts';
import { type Row, textOf } from './row.ts';

/**
 * A cursor is the server's own snapshot: which transactions it shows. A row was changed after it exactly when the transaction that changed it is not
 * visible in it; so no numbering is needed, no lock around it, and a transaction that commits late is not missed.
 *
 * Snapshots of two servers say nothing to each other, nor do those before and after a restore: the start of the server stands in front, and with
 * another one everything has changed.
 */
const SERVER = '(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text';
const EVERYTHING = "'1:1:'";
const SNAPSHOT = /^\d{1,20}:\d{1,20}:[\d,]*$/;

/** The cursor as of now, as the column `cursor`. */
export const CURSOR = `${SERVER} || '/' || pg_current_snapshot()::text AS cursor`;

/**
 * The rows changed since a cursor, whose two parts are the parameters $1 and $2.
 * @param what the columns wanted
 */
export function changedSince(what: string, table: string): string {
  return `
    WITH since AS (SELECT CASE WHEN $1 = ${SERVER} THEN $2 ELSE ${EVERYTHING} END::pg_snapshot AS snapshot)
    SELECT ${what} FROM ${table}
    WHERE changed_xid >= (SELECT pg_snapshot_xmin(snapshot) FROM since)
      AND NOT pg_visible_in_snapshot(changed_xid, (SELECT snapshot FROM since))`;
}

/** The values for `changedSince`. What is no cursor of this kind counts from the start. */
export function partsOf(cursor: ChangeCursor): readonly [server: string, snapshot: string] {
  const [server = '', snapshot = ''] = cursor.split('/');
  return SNAPSHOT.test(snapshot) ? [server, snapshot] : ['', '1:1:'];
}

export function cursorOf(row: Row | undefined): ChangeCursor {
  return textOf(row ?? {}, 'cursor') as ChangeCursor;
}

/**
 * Rows restored from another server may carry transactions that are still to come here: they would count as changed for ever.
 * @returns the statement that takes them over
 */
export function adoptForeign(table: string): string {
  return `UPDATE ${table} SET changed_xid = pg_current_xact_id() WHERE changed_xid >= pg_snapshot_xmax(pg_current_snapshot())`;
}
