import type { KeyringName } from '../../core/name.ts';
import type { Secret } from '../../core/secret.ts';
import type { MaterialNonce } from '../../core/version.ts';
import type { Random } from '../../ports/random.ts';
import type { MaterialRef } from '../../ports/store.ts';
import { type MasterKey, seal, unseal } from '../sealing.ts';
import type { Connections } from './connections.ts';
import { textOf } from './row.ts';

/** Keys of the service's own, in `meta`, sealed under the master key: the same for all replicas. */
export type SealedText = 'fingerprint_key' | 'audit_keys';

export interface TextKeeper {
  readonly connections: Connections;
  /** Quoted. */
  readonly schema: string;
  readonly masterKey: MasterKey;
  readonly random: Random;
}

/**
 * The text of that name; made where it is missing. Of replicas that start at the same time, one makes it.
 * @throws KeyturnError `corrupt_material`
 */
export async function sealedText({ random, ...keeper }: TextKeeper, name: SealedText, make: () => Secret): Promise<Secret> {
  const found = await readSealedText(keeper, name);
  if (found !== undefined) return found;
  const { connections, schema, masterKey } = keeper;
  const made = seal(make(), refOf(name), masterKey, random).toString('base64');
  await connections.query(`INSERT INTO ${schema}.meta VALUES ($1, $2) ON CONFLICT DO NOTHING`, [name, made]);
  return (await readSealedText(keeper, name)) ?? sealedText({ random, ...keeper }, name, make);
}

/** Undefined = there is none yet. @throws KeyturnError `corrupt_material`: damaged, or sealed under another master key */
export async function readSealedText(
  { connections, schema, masterKey }: Omit<TextKeeper, 'random'>,
  name: SealedText,
): Promise<Secret | undefined> {
  const [row] = await connections.query(`SELECT value FROM ${schema}.meta WHERE name = $1`, [name]);
  return row && unseal(Buffer.from(textOf(row, 'value'), 'base64'), refOf(name), masterKey);
}

/** No keyring has such a name, and no version this number. */
function refOf(name: SealedText): MaterialRef {
  return { keyring: `keyturn's own ${name}` as KeyringName, version: 0, nonce: name as string as MaterialNonce };
}
