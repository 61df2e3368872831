import type { Ask } from './connections.ts';

/** What the fence throws: one of the SQLSTATEs that the standard leaves free, beside that of move.ts. */
export const OTHER_KEY = '9K002';

/**
 * From the first change of the master key on the database itself refuses material that is sealed under another key than this: so a replica that was not
 * seen, and still holds the old one, cannot mix the two. Sealed bytes name their key (stores/sealing.ts). It takes the owner of the table.
 * @param schema quoted
 * @param masterKeyId as `MasterKey.id`
 */
export async function fenceMaterial(ask: Ask, schema: string, masterKeyId: string): Promise<void> {
  if (!/^[0-9a-f]{16}$/.test(masterKeyId)) throw new RangeError('not the id of a master key');
  await ask(`
    CREATE OR REPLACE FUNCTION ${schema}.refuse_other_key() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF substring(NEW.sealed FROM 2 FOR 8) <> '\\x${masterKeyId}'::bytea THEN RAISE EXCEPTION 'other key' USING ERRCODE = '${OTHER_KEY}'; END IF;
      RETURN NEW;
    END $$`);
  await ask(`DROP TRIGGER IF EXISTS other_key ON ${schema}.material`);
  await ask(`
    CREATE TRIGGER other_key BEFORE INSERT OR UPDATE OF sealed ON ${schema}.material
    FOR EACH ROW EXECUTE FUNCTION ${schema}.refuse_other_key()`);
}
