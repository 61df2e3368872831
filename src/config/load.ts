import { resolve } from 'node:path';
import { Check } from 'typebox/value';
import { type Fault, KeyturnError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import { type FileReader, readText } from './files.ts';
import type { ImportSources } from './imports.ts';
import { importVariables, ruleFaults } from './rules.ts';
import { ConfigFile } from './schema.ts';
import { findSecret, MASTER_KEY } from './secret-settings.ts';
import type { Settings } from './settings.ts';
import { shapeFaults } from './shape.ts';
import { findStoreSecrets } from './store-settings.ts';
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
  const masterKey = findSecret(tree, MASTER_KEY, sources);
  const store = findStoreSecrets(tree, masterKey, sources);
  const own = [...shapeFaults(ConfigFile, tree), ...ruleFaults(tree, sources, now)];
  const all = [...file.faults, ...faults, ...own, ...masterKey.faults, ...store.faults];
  if (all.length === 0 && Check(ConfigFile, tree)) return settingsOf(tree, { ...store.value, masterKey: masterKey.value }, sources);
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
