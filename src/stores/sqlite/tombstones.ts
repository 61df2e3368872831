import type { KeyringName } from '../../core/name.ts';
import { NO_TOMBSTONES, type Tombstones } from '../../core/transitions/reinstate.ts';
import type { Database } from './database.ts';
import { numberOf, orNull, textOf } from './row.ts';

/**
 * What the rows of material tell of a keyring whose document is lost: which versions were destroyed, and the highest number that was ever given. Rows
 * of material are never removed. Versions are known by their nonce: the orphan of a lost race has the number of the version that won.
 */
export function tombstonesIn(database: Database, name: KeyringName): Tombstones {
  const rows = database.prepare('SELECT nonce FROM material WHERE keyring = ? AND destroyed_at IS NOT NULL').all(name);
  const destroyed = new Set(rows.map((row) => textOf(row, 'nonce')));
  const [numbers = {}] = database.prepare('SELECT max(version) AS highest FROM material WHERE keyring = ?').all(name);
  const highest = orNull(numberOf, numbers, 'highest');
  return { ...NO_TOMBSTONES, ended: ({ nonce }) => destroyed.has(nonce), highest: highest ?? 0, isLast: highest !== null };
}
