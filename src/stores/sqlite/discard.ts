import type { KeyringName } from '../../core/name.ts';
import type { MaterialRef } from '../../ports/store.ts';
import type { Database } from './database.ts';

/** Takes out what cannot be read, so that the same entry of a backup can take its place. Tombstones are never taken out. */
export function discardIn(database: Database) {
  const find = 'SELECT id FROM material WHERE keyring = ? AND version = ? AND nonce = ? AND destroyed_at IS NULL';
  return {
    document(name: KeyringName): void {
      database.prepare('DELETE FROM keyrings WHERE name = ?').run(name);
    },
    material({ keyring, version, nonce }: MaterialRef): void {
      database.transaction(() => {
        database.prepare(`DELETE FROM fingerprints WHERE id IN (${find})`).run(keyring, version, nonce);
        database.prepare(`DELETE FROM sealed WHERE id IN (${find})`).run(keyring, version, nonce);
        database.prepare(`DELETE FROM material WHERE id IN (${find})`).run(keyring, version, nonce);
      });
    },
  };
}
