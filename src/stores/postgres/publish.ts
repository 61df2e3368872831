import type { Publisher } from '../../ports/store.ts';
import type { Connections } from './connections.ts';
import { creationsIn } from './creations.ts';
import { newRevision, revisionOf, swapStatements, valuesOf } from './documents.ts';
import { isDuplicate } from './errors.ts';
import { type Keeper, materialExists, rowOf } from './material.ts';

const COLUMNS = 6;

/** Material and swap in one statement: one round trip, one commit, and a lost swap leaves no material behind. */
export function publisherIn(connections: Connections, schema: string, keeper: Keeper): Publisher {
  const { update } = swapStatements(schema);
  const create = creationsIn(connections, schema, keeper);

  function statement(used: number, entries: number): string {
    const rows = Array.from({ length: entries }, (_, entry) => `(${placeholders(used + entry * COLUMNS)})`);
    return `
      WITH swapped AS (${update}),
      stored AS (
        INSERT INTO ${schema}.material (keyring, version, nonce, stored_at, sealed, fingerprint)
        SELECT entry.* FROM swapped, (VALUES ${rows.join(', ')}) AS entry
      )
      SELECT revision FROM swapped`;
  }

  return {
    async publish(keyring, expected, entries, options) {
      if (expected === null) return create(keyring, entries, options);
      const document = [...valuesOf(keyring, newRevision(keeper.random)), expected];
      const values = entries.flatMap(({ ref, material }) => rowOf(ref, material, keeper));
      try {
        const [row] = await connections.query(statement(document.length, entries.length), [...document, ...values], options);
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
