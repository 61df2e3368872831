import type { KeyringName } from '../../core/name.ts';
import type { Secret } from '../../core/secret.ts';
import type { MaterialNonce } from '../../core/version.ts';
import type { Random } from '../../ports/random.ts';
import type { MaterialRef } from '../../ports/store.ts';
import { type MasterKey, seal, unseal } from '../sealing.ts';
import type { Ask, Connections } from './connections.ts';
import { textOf } from './row.ts';

/** Keys of the service's own, in `meta`, sealed under the master key: the same for all replicas, and they outlive a change of it. */
const SEALED_TEXTS = ['fingerprint_key', 'audit_keys'] as const;
export type SealedText = (typeof SEALED_TEXTS)[number];

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

/** For a new master key: in the transaction that gives the schema to it. @throws KeyturnError `corrupt_material` */
export async function resealTexts(
  ask: Ask,
  schema: string,
  { from, to, random }: { readonly from: MasterKey; readonly to: MasterKey; readonly random: Random },
): Promise<void> {
  for (const name of SEALED_TEXTS) {
    const [row] = await ask(`SELECT value FROM ${schema}.meta WHERE name = $1 FOR UPDATE`, [name]);
    if (row === undefined) continue;
    const text = unseal(Buffer.from(textOf(row, 'value'), 'base64'), refOf(name), from);
    const sealed = seal(text, refOf(name), to, random).toString('base64');
    await ask(`UPDATE ${schema}.meta SET value = $2 WHERE name = $1`, [name, sealed]);
  }
}

/** No keyring has such a name, and no version this number. */
function refOf(name: SealedText): MaterialRef {
  return { keyring: `keyturn's own ${name}` as KeyringName, version: 0, nonce: name as string as MaterialNonce };
}
