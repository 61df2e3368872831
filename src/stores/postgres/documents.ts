import { encodeKeyring } from '../../core/codec.ts';
import { dueAt } from '../../core/decide.ts';
import type { Keyring } from '../../core/keyring.ts';
import { type KeyringName, parseKeyringName } from '../../core/name.ts';
import type { Random } from '../../ports/random.ts';
import type { CallOptions, ChangeFeed, DueIndex, Revision, Store, Stored } from '../../ports/store.ts';
import { readDocument } from '../read-document.ts';
import { CURSOR, changedSince, cursorOf, partsOf } from './changes.ts';
import type { Connections } from './connections.ts';
import { Gathered } from './gathered.ts';
import { numberOf, type Row, textOf, textsOf } from './row.ts';

const REVISION_BYTES = 12;

/** Documents of one question: half a megabyte of them, if they are as long as most. */
const LOADED_AT_ONCE = 200;

/** The statements that swap a document, by whether it exists. Both begin with the parameters of `valuesOf`, the second goes on with the revision expected. */
export function swapStatements(schema: string): { readonly insert: string; readonly update: string } {
  return {
    insert: `
      INSERT INTO ${schema}.keyrings (name, revision, changed_xid, due_at, document)
      VALUES ($1, $2, pg_current_xact_id(), $3, $4) ON CONFLICT (name) DO NOTHING RETURNING revision`,
    update: `
      UPDATE ${schema}.keyrings SET revision = $2, changed_xid = pg_current_xact_id(), due_at = $3, document = $4
      WHERE name = $1 AND revision = $5 RETURNING revision`,
  };
}

/** Drawn at random: it does not come back after a restore either. */
export function newRevision(random: Random): Revision {
  return random.bytes(REVISION_BYTES).toString('hex') as Revision;
}

/** The document with what is indexed of it. */
export function valuesOf(keyring: Keyring, revision: Revision): unknown[] {
  return [keyring.name, revision, dueAt(keyring), encodeKeyring(keyring)];
}

export type Documents = Pick<Store, 'load' | 'swap' | 'page'> & DueIndex & ChangeFeed;

/** Keyring documents as rows. A swap is one statement, and so one transaction with the due index and the change feed. */
export function documentsIn(connections: Connections, schema: string, random: Random): Documents {
  const { insert, update } = swapStatements(schema);
  const some = `SELECT name, revision, document FROM ${schema}.keyrings WHERE name = ANY ($1)`;
  const names = `SELECT name FROM ${schema}.keyrings WHERE name > $1 ORDER BY name LIMIT $2`;
  const due = `
    SELECT name, due_at FROM ${schema}.keyrings WHERE due_at <= $1 AND (due_at, name) > ($2, $3)
    ORDER BY due_at, name LIMIT $4`;
  const now = `SELECT ${CURSOR}`;
  const since = `SELECT ${CURSOR}, ARRAY(${changedSince('name', `${schema}.keyrings`)}) AS names`;

  async function loadAll(wanted: readonly KeyringName[], options?: CallOptions): Promise<Promise<Stored | undefined>[]> {
    const rows = await connections.query(some, [wanted], options);
    const found = new Map(rows.map((row) => [textOf(row, 'name'), row]));
    return wanted.map(async (name) => storedIn(name, found.get(name)));
  }
  const loads = new Gathered(LOADED_AT_ONCE, loadAll);

  return {
    // a call that may be given up by itself has to be asked by itself
    load: async (name, options) => (options?.signal === undefined ? loads.call(name) : (await loadAll([name], options))[0]),

    async swap(keyring, expected, options) {
      const values = valuesOf(keyring, newRevision(random));
      const [row] = await (expected === null
        ? connections.query(insert, values, options)
        : connections.query(update, [...values, expected], options));
      return row === undefined ? null : revisionOf(row);
    },

    async page(after, limit, options) {
      const found = (await connections.query(names, [after ?? '', limit + 1], options)).map(nameOf);
      const items = found.slice(0, limit);
      return { items, next: found.length > limit ? (items.at(-1) ?? null) : null };
    },

    async due(at, after, limit, options) {
      const values = [at, after?.dueAt ?? Number.MIN_SAFE_INTEGER, after?.name ?? '', limit];
      const rows = await connections.query(due, values, options);
      return rows.map((row) => ({ name: nameOf(row), dueAt: numberOf(row, 'due_at') }));
    },

    async changes(cursor, options) {
      const [row] = await (cursor === null ? connections.query(now, [], options) : connections.query(since, partsOf(cursor), options));
      return { cursor: cursorOf(row), names: cursor === null ? [] : textsOf(row ?? {}, 'names').map(parseKeyringName) };
    },
  };
}

export function revisionOf(row: Row): Revision {
  return textOf(row, 'revision') as Revision;
}

/** @throws KeyturnError `corrupt_document` */
function storedIn(name: KeyringName, row: Row | undefined): Stored | undefined {
  return row && { keyring: readDocument(name, textOf(row, 'document')), revision: revisionOf(row) };
}

function nameOf(row: Row): KeyringName {
  return parseKeyringName(textOf(row, 'name'));
}
