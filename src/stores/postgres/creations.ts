import type { Keyring } from '../../core/keyring.ts';
import type { CallOptions, MaterialRef, NewMaterial, Revision } from '../../ports/store.ts';
import type { Connections } from './connections.ts';
import { newRevision, revisionOf, valuesOf } from './documents.ts';
import { isDuplicate } from './errors.ts';
import { Gathered } from './gathered.ts';
import { type Keeper, materialExists, rowOf } from './material.ts';

/** A document that is not there yet and its material, sealed, as rows. */
interface Creation {
  readonly revision: Revision;
  readonly document: readonly unknown[];
  readonly material: readonly (readonly unknown[])[];
  readonly ref: MaterialRef | undefined;
}

type Create = (keyring: Keyring, entries: readonly NewMaterial[], options?: CallOptions) => Promise<Revision | null>;

/** A commit waits for the disk once, for however many documents. */
const CREATED_AT_ONCE = 200;

/** Publishes new documents: those of one turn of the event loop in one statement, and each of them is made or lost to another writer by itself. */
export function creationsIn(connections: Connections, schema: string, keeper: Keeper): Create {
  const sql = `
    WITH swapped AS (
      INSERT INTO ${schema}.keyrings (name, revision, changed_xid, due_at, document)
      SELECT d.name, d.revision, pg_current_xact_id(), d.due_at, d.document
      FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS d (name, revision, due_at, document)
      ORDER BY d.name COLLATE "C" ON CONFLICT (name) DO NOTHING RETURNING revision
    ), stored AS (
      INSERT INTO ${schema}.material (keyring, version, nonce, stored_at, sealed, fingerprint)
      SELECT m.keyring, m.version, m.nonce, m.stored_at, m.sealed, m.fingerprint FROM swapped JOIN
      unnest($5::text[], $6::text[], $7::integer[], $8::text[], $9::bigint[], $10::bytea[], $11::bytea[])
      AS m (revision, keyring, version, nonce, stored_at, sealed, fingerprint) USING (revision)
    )
    SELECT revision FROM swapped`;

  async function createAll(creations: readonly Creation[], options?: CallOptions): Promise<(Revision | null)[]> {
    const documents = creations.map(({ document }) => document);
    const material = creations.flatMap((creation) => creation.material);
    const rows = await connections.query(sql, [...columnsOf(documents, 4), ...columnsOf(material, 7)], options);
    const won = new Set(rows.map(revisionOf));
    return creations.map(({ revision }) => (won.has(revision) ? revision : null));
  }

  async function createOne(creation: Creation, options?: CallOptions): Promise<Revision | null> {
    try {
      return (await createAll([creation], options))[0] ?? null;
    } catch (error) {
      if (isDuplicate(error) && creation.ref !== undefined) throw materialExists(creation.ref);
      throw error;
    }
  }

  const gathered = new Gathered(CREATED_AT_ONCE, async (creations: readonly Creation[]) => {
    try {
      return await createAll(creations);
    } catch (error) {
      // Nothing of the statement happened. One that cannot be made does not keep the others from it.
      if (isDuplicate(error)) return creations.map((creation) => createOne(creation));
      throw error;
    }
  });

  return async (keyring, entries, options) => {
    const revision = newRevision(keeper.random);
    const document = valuesOf(keyring, revision);
    const material = entries.map((entry) => [revision, ...rowOf(entry.ref, entry.material, keeper)]);
    const creation = { revision, document, material, ref: entries[0]?.ref };
    // a call that may be given up by itself has to be made by itself
    return options?.signal === undefined ? gathered.call(creation) : createOne(creation, options);
  };
}

function columnsOf(rows: readonly (readonly unknown[])[], count: number): unknown[][] {
  return Array.from({ length: count }, (_, column) => rows.map((row) => row[column]));
}
