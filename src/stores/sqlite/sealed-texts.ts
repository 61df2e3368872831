import type { KeyringName } from '../../core/name.ts';
import type { Secret } from '../../core/secret.ts';
import type { MaterialNonce } from '../../core/version.ts';
import type { Random } from '../../ports/random.ts';
import type { MaterialRef } from '../../ports/store.ts';
import { type MasterKey, seal, unseal } from '../sealing.ts';
import type { Database } from './database.ts';
import { type Mark, readMark, writeMark } from './marks.ts';

/** Keys of the service's own, in `meta`, sealed under the master key: they outlive a change of it. */
const SEALED_TEXTS = ['fingerprint_key', 'audit_keys'] as const satisfies readonly Mark[];
export type SealedText = (typeof SEALED_TEXTS)[number];

/**
 * The text of that name; made where it is missing.
 * @throws KeyturnError `corrupt_material`
 */
export function sealedText(database: Database, name: SealedText, masterKey: MasterKey, random: Random, make: () => Secret): Secret {
  const sealed = readMark(database, name);
  if (sealed !== null) return unseal(Buffer.from(sealed, 'base64'), refOf(name), masterKey);
  const made = make();
  putSealedText(database, name, made, masterKey, random);
  return made;
}

/** Replaces the text of that name. */
export function putSealedText(database: Database, name: SealedText, text: Secret, masterKey: MasterKey, random: Random): void {
  writeMark(database, name, seal(text, refOf(name), masterKey, random).toString('base64'));
}

/** For a new master key: in the transaction that gives the database to it. */
export function resealTexts(database: Database, from: MasterKey, to: MasterKey, random: Random): void {
  for (const name of SEALED_TEXTS) {
    const sealed = readMark(database, name);
    if (sealed === null) continue;
    const text = unseal(Buffer.from(sealed, 'base64'), refOf(name), from);
    putSealedText(database, name, text, to, random);
  }
}

/** No keyring has such a name, and no version this number. */
function refOf(name: SealedText): MaterialRef {
  return { keyring: `keyturn's own ${name}` as KeyringName, version: 0, nonce: name as string as MaterialNonce };
}
