import type { Publisher } from '../../ports/store.ts';
import type { Connections } from './connections.ts';
import { revisionOf, swapStatements, valuesOf } from './documents.ts';
import { isDuplicate } from './errors.ts';
import { type Keeper, materialExists, rowOf } from './material.ts';

const COLUMNS = 6;

/** Material and swap in one statement: one round trip, one commit, and a lost swap leaves no material behind. */
export function publisherIn(connections: Connections, schema: string, keeper: Keeper): Publisher {
  const { insert, update } = swapStatements(schema);

  function statement(swap: string, used: number, entries: number): string {
    const rows = Array.from({ length: entries }, (_, entry) => `(${placeholders(used + entry * COLUMNS)})`);
    return `
      WITH swapped AS (${swap}),
      stored AS (
        INSERT INTO ${schema}.material (keyring, version, nonce, stored_at, sealed, fingerprint)
        SELECT entry.* FROM swapped, (VALUES ${rows.join(', ')}) AS entry
      )
      SELECT revision FROM swapped`;
  }

  return {
    async publish(keyring, expected, entries, options) {
      const document = valuesOf(keyring, expected, keeper.random);
      const values = entries.flatMap(({ ref, material }) => rowOf(ref, material, keeper));
      const sql = statement(expected === null ? insert : update, document.length, entries.length);
      try {
        const [row] = await connections.query(sql, [...document, ...values], options);
        return row === undefined ? null : revisionOf(row);
      } catch (error) {
        const [first] = entries;
        if (isDuplicate(error) && first !== undefined) throw materialExists(first.ref);
        throw error;
      }
    },
  };
}

/** Each with its type: in a list of values PostgreSQL does not look where they go. */
function placeholders(used: number): string {
  return ['text', 'integer', 'text', 'bigint', 'bytea', 'bytea'].map((type, index) => `$${used + index + 1}::${type}`).join(', ');
}
