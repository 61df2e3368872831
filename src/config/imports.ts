import { Secret } from '../core/secret.ts';
import { keyFaults } from '../core/strength.ts';
import { type FileReader, type Outcome, readSecret } from './files.ts';
import type { KeyringFields } from './schema.ts';
import type { DeclaredKeyring } from './settings.ts';
import type { Environment } from './variables.ts';

/** Where keys are imported from. `resolve` makes a path of the file absolute. */
export interface ImportSources {
  readonly env: Environment;
  readonly read: FileReader;
  readonly resolve: (path: string) => string;
}

/** The key that a declared keyring imports. An absent source is no fault: see `DeclaredKeyring`. */
export function importedKey(fields: KeyringFields, sources: ImportSources): Outcome<DeclaredKeyring['imported']> {
  const from = fields.importFromFile !== undefined ? 'importFromFile' : 'importFromEnv';
  const found = keyFrom(fields, sources);
  if (found === null) return { value: null };
  if ('fault' in found) return found.absent ? { value: { from, key: null } } : found;
  const [why] = keyFaults(found.value.reveal());
  if (why !== undefined) return { fault: `leads to a key that may not be used: ${why}`, absent: false };
  return { value: { from, key: found.value } };
}

function keyFrom({ importFromFile, importFromEnv }: KeyringFields, { env, read, resolve }: ImportSources): Outcome<Secret> | null {
  if (importFromFile !== undefined) return readSecret(read, resolve(importFromFile));
  if (importFromEnv === undefined) return null;
  const text = env[importFromEnv];
  return text === undefined ? { fault: 'names a variable that is not set', absent: true } : { value: new Secret(text) };
}
