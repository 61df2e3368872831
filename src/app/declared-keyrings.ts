import { codeOf, KeyturnError } from '../core/errors.ts';
import type { KeyringName } from '../core/name.ts';
import type { Policy } from '../core/policy.ts';
import type { Secret } from '../core/secret.ts';
import { SCHEDULER } from '../core/version.ts';
import { inGroups } from './in-groups.ts';
import { type CreateDeps, createKeyring } from './keyrings.ts';

/** A keyring that the configuration names. */
export interface DeclaredKeyring {
  readonly name: KeyringName;
  readonly policy: Policy;
  /** Null: its key is generated. A `key` of null: where it should come from is empty, which only matters if the keyring has to be made. */
  readonly imported: { readonly key: Secret | null } | null;
}

/** What became of a declaration. */
export type Declared =
  | { readonly name: KeyringName; readonly outcome: 'created' | 'unchanged' }
  /** It exists with another policy, which stays: the fields that differ. */
  | { readonly name: KeyringName; readonly outcome: 'differs'; readonly fields: readonly string[] };

/**
 * Creates the declared keyrings that do not exist. One that exists is never changed: what the configuration says and what operators did through the
 * API may differ, and only they know who is right.
 * @throws KeyturnError as `createKeyring`; `invalid_config` where the key to import is missing
 */
export function declareKeyrings(deps: CreateDeps, declared: readonly DeclaredKeyring[]): Promise<Declared[]> {
  return inGroups(deps.store, declared, (keyring) => declare(deps, keyring));
}

async function declare(deps: CreateDeps, wanted: DeclaredKeyring): Promise<Declared> {
  const { name } = wanted;
  const stored = await deps.store.load(name);
  if (stored !== undefined) {
    const fields = differences(stored.keyring.policy, wanted.policy);
    return fields.length === 0 ? { name, outcome: 'unchanged' } : { name, outcome: 'differs', fields };
  }
  const key = keyToImport(wanted);
  try {
    await createKeyring(deps, {}, { name, policy: wanted.policy, key, by: SCHEDULER, reason: 'declared in the configuration' });
    return { name, outcome: 'created' };
  } catch (error) {
    // Another replica has started at the same time.
    if (codeOf(error) === 'keyring_exists') return { name, outcome: 'unchanged' };
    if (error instanceof KeyturnError && error.code === 'weak_key') throw weakImport(name, error);
    throw error;
  }
}

function keyToImport({ name, imported }: DeclaredKeyring): Secret | null {
  if (imported === null) return null;
  if (imported.key !== null) return imported.key;
  throw new KeyturnError(
    'invalid_config',
    `Keyring ${name} does not exist yet and the key that it is to import is missing. Provide it, or take the import out.`,
  );
}

/** A key of the configuration signs or is refused; to go on verifying with a weak one is an operator's own decision. */
function weakImport(name: KeyringName, { faults, cause }: KeyturnError): KeyturnError {
  const why = faults.map(({ message }) => message).join('; ');
  return new KeyturnError(
    'invalid_config',
    `The key that keyring ${name} is to import may not sign: ${why}. Take the import out, start, and move the key over with: keyturn import ${name} --verify-only`,
    { faults: faults.map(({ message }) => ({ path: `keyring ${name}`, message })), cause },
  );
}

function differences(have: Policy, want: Policy): string[] {
  const fields = new Map(Object.entries(have));
  return Object.entries(want)
    .filter(([field, value]) => JSON.stringify(fields.get(field)) !== JSON.stringify(value))
    .map(([field]) => field);
}
