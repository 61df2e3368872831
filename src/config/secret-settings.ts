import type { Fault } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { readSecret } from './files.ts';
import type { ImportSources } from './imports.ts';
import { isMapping, type Mapping } from './shape.ts';

/** A secret never stands in the config file itself: a variable holds it, or a file does that the config file or `<variable>_FILE` names. */
export interface SecretSetting {
  readonly variable: string;
  /** The fields that lead to the file's path. */
  readonly setting: readonly string[];
}

export interface FoundSecret {
  /** Null = it is given nowhere. */
  readonly value: Secret | null;
  readonly faults: readonly Fault[];
}

export const MASTER_KEY: SecretSetting = { variable: 'KEYTURN_MASTER_KEY', setting: ['masterKey', 'file'] };
export const POSTGRES_URL: SecretSetting = { variable: 'KEYTURN_POSTGRES_URL', setting: ['store', 'postgres', 'urlFile'] };

/** @param tree the file with the environment's settings in it */
export function findSecret(tree: Mapping, { variable, setting }: SecretSetting, { env, read, resolve }: ImportSources): FoundSecret {
  const [text, named] = [env[variable], env[`${variable}_FILE`]];
  if (text && named) return failed(variable, `is given together with ${variable}_FILE: keep one`);
  if (text) return { value: new Secret(text), faults: [] };
  const path = valueAt(tree, setting);
  if (typeof path !== 'string' || path === '') return { value: null, faults: [] };
  const found = readSecret(read, resolve(path));
  return 'value' in found ? { value: found.value, faults: [] } : failed(named ? `${variable}_FILE` : `/${setting.join('/')}`, found.fault);
}

function valueAt(tree: unknown, fields: readonly string[]): unknown {
  return fields.reduce((value, field) => (isMapping(value) ? value[field] : undefined), tree);
}

function failed(path: string, message: string): FoundSecret {
  return { value: null, faults: [{ path, message }] };
}
