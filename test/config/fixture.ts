import { inspect } from 'node:util';
import type { FileReader } from '../../src/config/files.ts';
import { loadConfig, type Surroundings } from '../../src/config/load.ts';
import type { Settings } from '../../src/config/settings.ts';
import { KeyturnError } from '../../src/core/errors.ts';

export const NOW = Date.parse('2026-01-01T00:00:00.000Z');

/** Surroundings with these files under /srv (a text, or a text with a mode), and nothing else. */
export function surroundings(files: Record<string, string | [string, number]> = {}, env: Surroundings['env'] = {}): Surroundings {
  const read: FileReader = (path) => {
    const file = files[path.replace(/^\/srv\//, '')];
    if (file === undefined) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    return typeof file === 'string' ? { text: file, mode: 0o100600 } : { text: file[0], mode: 0o100000 | file[1] };
  };
  return { env, cwd: '/srv', read };
}

export function load(yaml: string, env: Surroundings['env'] = {}, files: Parameters<typeof surroundings>[0] = {}): Settings {
  return loadConfig(surroundings({ 'keyturn.yaml': yaml, ...files }, env), NOW);
}

/** The faults of a configuration as `path message`, and everything that its error shows to anybody. */
export function refusal(yaml: string, env: Surroundings['env'] = {}, files: Parameters<typeof surroundings>[0] = {}) {
  try {
    load(yaml, env, files);
  } catch (error) {
    if (!(error instanceof KeyturnError) || error.code !== 'invalid_config') throw error;
    return { faults: error.faults.map(({ path, message }) => `${path} ${message}`), shown: inspect(error, { depth: 9 }) };
  }
  return { faults: [], shown: '' };
}
