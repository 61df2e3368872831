import type { Database } from './database.ts';
import { textOf } from './row.ts';

/** What the database says of itself, one text a name. */
export type Mark = 'master_key_id' | 'rekey_to' | 'restoring' | 'fingerprint_key' | 'audit_keys' | 'move';

export function readMark(database: Database, mark: Mark): string | null {
  const row = database.prepare('SELECT value FROM meta WHERE name = ?').first(mark);
  return row === undefined ? null : textOf(row, 'value');
}

export function writeMark(database: Database, mark: Mark, value: string): void {
  database.prepare('INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value').run(mark, value);
}

export function removeMark(database: Database, mark: Mark): void {
  database.prepare('DELETE FROM meta WHERE name = ?').run(mark);
}
