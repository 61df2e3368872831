import { encodeKeyring } from '../../core/codec.ts';
import { dueAt } from '../../core/decide.ts';
import type { Keyring } from '../../core/keyring.ts';
import { type KeyringName, parseKeyringName } from '../../core/name.ts';
import type { Instant } from '../../core/time.ts';
import type { Random } from '../../ports/random.ts';
import type { ChangeCursor, DueEntry, Page, Revision, Stored } from '../../ports/store.ts';
import { readDocument } from '../read-document.ts';
import type { Database } from './database.ts';
import { numberOf, type Row, textOf } from './row.ts';

const TAG_BYTES = 6;

/**
 * Counts the changes of all documents; no row is ever deleted, so the greatest number is the last one given. Not `max(sequence)`: within
 * an INSERT, SQLite would read the whole index for that.
 */
const NEXT = '(SELECT coalesce((SELECT sequence FROM keyrings ORDER BY sequence DESC LIMIT 1), 0) + 1 AS next)';

const INSERT = `
  INSERT INTO keyrings (name, revision, sequence, due_at, document)
  SELECT ?, next || '-' || ?, next, ?, ? FROM ${NEXT} WHERE true
  ON CONFLICT (name) DO NOTHING RETURNING revision`;

const UPDATE = `
  UPDATE keyrings SET revision = next || '-' || ?, sequence = next, due_at = ?, document = ? FROM ${NEXT}
  WHERE name = ? AND revision = ? RETURNING revision`;

const DUE = `
  SELECT name, due_at FROM keyrings WHERE due_at <= ? AND (due_at, name) > (?, ?)
  ORDER BY due_at, name LIMIT ?`;

/** A document that is not JSON has no date; it does not keep the others from being read. */
const DATES = `
  SELECT name, CASE WHEN json_valid(document) THEN document ->> '$.changed.at' END AS changed_at FROM keyrings
  WHERE name > ? ORDER BY name LIMIT ?`;

export type Documents = ReturnType<typeof documentsIn>;

/**
 * Keyring documents as rows. A revision is the number of the change and a random tag: the tag keeps revisions from coming back
 * after an older copy of the database was restored.
 */
export function documentsIn(database: Database, random: Random) {
  const tag = () => random.bytes(TAG_BYTES).toString('hex');
  const epoch = tag();
  const one = database.prepare('SELECT revision, document FROM keyrings WHERE name = ?');
  const insert = database.prepare(INSERT);
  const update = database.prepare(UPDATE);
  const names = database.prepare('SELECT name FROM keyrings WHERE name > ? ORDER BY name LIMIT ?');
  const dates = database.prepare(DATES);
  const due = database.prepare(DUE);
  const last = database.prepare('SELECT coalesce(max(sequence), 0) AS sequence FROM keyrings');
  const since = database.prepare('SELECT name FROM keyrings WHERE sequence > ? ORDER BY sequence');

  return {
    load(name: KeyringName): Stored | undefined {
      const row = one.first(name);
      return row && { keyring: readDocument(name, textOf(row, 'document')), revision: revisionOf(row) };
    },

    swap(keyring: Keyring, expected: Revision | null): Revision | null {
      const [document, at] = [encodeKeyring(keyring), dueAt(keyring)];
      const row =
        expected === null ? insert.first(keyring.name, tag(), at, document) : update.first(tag(), at, document, keyring.name, expected);
      return row === undefined ? null : revisionOf(row);
    },

    page(after: KeyringName | null, limit: number): Page<KeyringName, KeyringName> {
      const found = names.all(after ?? '', limit + 1).map(nameOf);
      const items = found.slice(0, limit);
      return { items, next: found.length > limit ? (items.at(-1) ?? null) : null };
    },

    changeDates(
      after: KeyringName | null,
      limit: number,
    ): Page<{ readonly name: KeyringName; readonly changedAt: Instant | null }, KeyringName> {
      const found = dates.all(after ?? '', limit + 1).map((row) => ({ name: nameOf(row), changedAt: dateOf(row) }));
      const items = found.slice(0, limit);
      return { items, next: found.length > limit ? (items.at(-1)?.name ?? null) : null };
    },

    due(now: Instant, after: DueEntry | null, limit: number): DueEntry[] {
      const rows = due.all(now, after?.dueAt ?? Number.MIN_SAFE_INTEGER, after?.name ?? '', limit);
      return rows.map((row) => ({ name: nameOf(row), dueAt: numberOf(row, 'due_at') }));
    },

    changes(cursor: ChangeCursor | null): { readonly cursor: ChangeCursor; readonly names: readonly KeyringName[] } {
      const changed = cursor === null ? [] : since.all(sequenceOf(cursor, epoch)).map(nameOf);
      return { cursor: `${epoch}.${numberOf(last.first() ?? {}, 'sequence')}` as ChangeCursor, names: changed };
    },
  };
}

/** A cursor of an earlier opening, or of nobody, counts from the start: the database may have been restored in between. */
function sequenceOf(cursor: ChangeCursor, epoch: string): number {
  const [of, sequence = ''] = cursor.split('.');
  return of === epoch && /^\d+$/.test(sequence) ? Number(sequence) : 0;
}

function nameOf(row: Row): KeyringName {
  return parseKeyringName(textOf(row, 'name'));
}

function dateOf({ changed_at: text }: Row): Instant | null {
  const at = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : at;
}

function revisionOf(row: Row): Revision {
  return textOf(row, 'revision') as Revision;
}
