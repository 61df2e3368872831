import type { MoveMark, MoveMarks } from '../../ports/move.ts';
import { decodeMoveMark, encodeMoveMark } from '../move-mark.ts';
import type { Ask, Connections } from './connections.ts';
import { textOf } from './row.ts';

/** What the fence throws: one of the SQLSTATEs that the standard leaves free. */
export const MOVING = '9K001';

const REFUSE = `
  CREATE OR REPLACE FUNCTION $S.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN RAISE EXCEPTION 'moving' USING ERRCODE = '${MOVING}'; END $$`;

/** What refuses, by table. When a token was last used may go on being written. */
const FENCED = {
  keyrings: 'INSERT OR UPDATE OR DELETE',
  material: 'INSERT OR UPDATE OR DELETE',
  tokens: 'INSERT OR DELETE OR UPDATE OF record, revoked',
} as const;

/** Where the documents go when they have moved: whoever still asks for the old table hears that it is gone, and lets its leases run out. */
const LEFT = 'keyrings_moved';

/**
 * The fence is in the database, so that replicas of any version obey it: making a trigger waits for the changes that are under way, and from its commit
 * on there are no others. It takes the owner of the tables.
 * @param schema quoted
 */
export function moveMarksIn(connections: Connections, schema: string): MoveMarks {
  const withSchema = (sql: string): string => sql.replaceAll('$S', () => schema);

  async function read(ask: Ask): Promise<MoveMark | null> {
    const [row] = await ask(`SELECT value FROM ${schema}.meta WHERE name = 'move'`);
    return row === undefined ? null : decodeMoveMark(textOf(row, 'value'));
  }

  async function putUp(ask: Ask): Promise<void> {
    await ask(withSchema(REFUSE));
    for (const [table, events] of Object.entries(FENCED)) {
      await ask(`DROP TRIGGER IF EXISTS moving ON ${schema}.${table}`);
      await ask(`CREATE TRIGGER moving BEFORE ${events} ON ${schema}.${table} FOR EACH ROW EXECUTE FUNCTION ${schema}.refuse_change()`);
    }
  }

  async function takeDown(ask: Ask): Promise<void> {
    for (const table of Object.keys(FENCED)) await ask(`DROP TRIGGER IF EXISTS moving ON ${schema}.${table}`);
    await ask(`DROP FUNCTION IF EXISTS ${schema}.refuse_change()`);
  }

  return {
    fences: true,
    read: () => read((sql) => connections.query(sql)),
    write: (mark) =>
      connections.transaction(async (ask) => {
        await ask(`DELETE FROM ${schema}.meta WHERE name = 'move'`);
        if (mark === null) return takeDown(ask);
        await ask(`INSERT INTO ${schema}.meta VALUES ('move', $1)`, [encodeMoveMark(mark)]);
        if (mark.phase === 'leaving') await putUp(ask);
        if (mark.phase === 'moved') await ask(`ALTER TABLE IF EXISTS ${schema}.keyrings RENAME TO ${LEFT}`);
      }),
  };
}
