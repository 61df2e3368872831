import { type AuditKeys, makeAuditKeys, readAuditKeys } from '../../../audit/keys.ts';
import type { KeyringName } from '../../../core/name.ts';
import type { MaterialNonce } from '../../../core/version.ts';
import type { Random } from '../../../ports/random.ts';
import type { MaterialRef } from '../../../ports/store.ts';
import { type MasterKey, seal, unseal } from '../../sealing.ts';
import type { Database } from '../database.ts';
import { textOf } from '../row.ts';

/** No keyring has such a name, and no version this number. */
const REF: MaterialRef = { keyring: 'audit log' as KeyringName, version: 0, nonce: 'keys' as MaterialNonce };

/**
 * The audit log's keys, in `meta` of keyturn.db; made where missing.
 * @throws KeyturnError `corrupt_material`
 */
export function auditKeysIn(database: Database, masterKey: MasterKey, random: Random): AuditKeys {
  const row = database.prepare("SELECT value FROM meta WHERE name = 'audit_keys'").first();
  if (row !== undefined) return readAuditKeys(unseal(Buffer.from(textOf(row, 'value'), 'base64'), REF, masterKey));
  const made = makeAuditKeys(random);
  const sealed = seal(made, REF, masterKey, random).toString('base64');
  database.prepare("INSERT INTO meta (name, value) VALUES ('audit_keys', ?)").run(sealed);
  return readAuditKeys(made);
}

/** For a new master key: call it in the transaction that seals everything else anew. */
export function resealAuditKeys(database: Database, from: MasterKey, to: MasterKey, random: Random): void {
  const row = database.prepare("SELECT value FROM meta WHERE name = 'audit_keys'").first();
  if (row === undefined) return;
  const keys = unseal(Buffer.from(textOf(row, 'value'), 'base64'), REF, from);
  database.prepare("UPDATE meta SET value = ? WHERE name = 'audit_keys'").run(seal(keys, REF, to, random).toString('base64'));
}
