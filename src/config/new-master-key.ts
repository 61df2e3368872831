import { resolve } from 'node:path';
import { Secret } from '../core/secret.ts';
import { readSecret } from './files.ts';
import { invalidConfig, type Surroundings } from './load.ts';

/**
 * The master key to change to: `KEYTURN_NEW_MASTER_KEY`, or the text of the file `KEYTURN_NEW_MASTER_KEY_FILE`; null where neither is set.
 * @throws KeyturnError `invalid_config`
 */
export function newMasterKey({ env, cwd, read }: Surroundings): Secret | null {
  if (env.KEYTURN_NEW_MASTER_KEY) return new Secret(env.KEYTURN_NEW_MASTER_KEY);
  const path = env.KEYTURN_NEW_MASTER_KEY_FILE;
  if (!path) return null;
  const found = readSecret(read, resolve(cwd, path));
  if ('value' in found) return found.value;
  throw invalidConfig([{ path: 'KEYTURN_NEW_MASTER_KEY_FILE', message: found.fault }]);
}
