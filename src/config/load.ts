import { resolve } from 'node:path';
import { Check } from 'typebox/value';
import { type Fault, KeyturnError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { Instant } from '../core/time.ts';
import { type FileReader, readSecret, readText } from './files.ts';
import type { ImportSources } from './imports.ts';
import { importVariables, ruleFaults } from './rules.ts';
import { ConfigFile } from './schema.ts';
import type { Settings } from './settings.ts';
import { isMapping, type Mapping, shapeFaults } from './shape.ts';
import { type Environment, overlay } from './variables.ts';
import { settingsOf } from './with-defaults.ts';
import { type ParsedFile, parseYaml } from './yaml.ts';

/** Where settings come from. `currentSurroundings()` has the process's own. */
export interface Surroundings {
  readonly env: Environment;
  /** Relative paths begin here. */
  readonly cwd: string;
  readonly read: FileReader;
}

const DEFAULT_FILE = 'keyturn.yaml';

/**
 * Reads the config file (`KEYTURN_CONFIG`, else `keyturn.yaml` where there is one), lays the environment over it and fills in the
 * defaults. `now` is for schedules: whether they ever fire.
 * @throws KeyturnError `invalid_config` with every fault: those of the file by their path in it, those of a variable by its name
 */
export function loadConfig({ env, cwd, read }: Surroundings, now: Instant): Settings {
  const sources: ImportSources = { env, read, resolve: (path) => resolve(cwd, path) };
  const file = readConfigFile(sources);
  const { tree, faults } = overlay(file.tree, env, importVariables(file.tree));
  const masterKey = readMasterKey(tree, sources);
  const all = [...file.faults, ...faults, ...shapeFaults(ConfigFile, tree), ...ruleFaults(tree, sources, now), ...masterKey.faults];
  if (all.length === 0 && Check(ConfigFile, tree)) return settingsOf(tree, masterKey.value, sources);
  throw invalidConfig(all);
}

/** Of the config file, whether there is one or not. */
export function configFilePath({ env, cwd }: Surroundings): string {
  return resolve(cwd, env.KEYTURN_CONFIG || DEFAULT_FILE);
}

export function invalidConfig(faults: readonly Fault[]): KeyturnError {
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
  return new KeyturnError('invalid_config', `The configuration has ${count}: correct what is listed and start again.`, { faults });
}

function readConfigFile({ env, read, resolve }: ImportSources): ParsedFile {
  const given = env.KEYTURN_CONFIG;
  const file = readText(read, resolve(given || DEFAULT_FILE));
  if ('value' in file) return parseYaml(file.value.text, given ? 'KEYTURN_CONFIG' : DEFAULT_FILE);
  if (!given && file.absent) return { tree: {}, faults: [] };
  return { tree: {}, faults: [{ path: given ? 'KEYTURN_CONFIG' : DEFAULT_FILE, message: file.fault }] };
}

/** The environment's own key, else that of the file named by the environment or the config file. */
function readMasterKey(tree: Mapping, { env, read, resolve }: ImportSources): { value: Secret | null; faults: Fault[] } {
  const { KEYTURN_MASTER_KEY: text, KEYTURN_MASTER_KEY_FILE: variable } = env;
  if (text && variable) return failed('KEYTURN_MASTER_KEY', 'is given together with KEYTURN_MASTER_KEY_FILE: keep one');
  if (text) return { value: new Secret(text), faults: [] };
  const path = isMapping(tree.masterKey) ? tree.masterKey.file : undefined;
  if (typeof path !== 'string' || path === '') return { value: null, faults: [] };
  const key = readSecret(read, resolve(path));
  return 'value' in key ? { value: key.value, faults: [] } : failed(variable ? 'KEYTURN_MASTER_KEY_FILE' : '/masterKey/file', key.fault);
}

function failed(path: string, message: string): { value: null; faults: Fault[] } {
  return { value: null, faults: [{ path, message }] };
}
