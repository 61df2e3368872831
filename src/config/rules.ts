import { Check } from 'typebox/value';
import type { Fault } from '../core/errors.ts';
import { checkSchedule } from '../core/schedule.ts';
import type { Instant } from '../core/time.ts';
import { readSecret, readText } from './files.ts';
import { type ImportSources, importedKey } from './imports.ts';
import { defaultsOf, faultsOfPolicy, policyOver } from './policies.ts';
import { KeyringSchema, PolicySchema } from './schema.ts';
import { isMapping, type Mapping } from './shape.ts';

/**
 * The rules that need more than the shape of one field. Each looks only at parts whose own shape is sound, so that one mistake is
 * one fault and none hides another.
 */
export function ruleFaults(tree: Mapping, sources: ImportSources, now: Instant): Fault[] {
  return [
    ...sweepFaults(tree.sweep, now),
    ...tlsFaults(tree.tls, sources),
    ...defaultsFaults(tree.defaults, now),
    ...keyringFaults(tree, sources, now),
    ...repeated(tree.keyrings, 'keyrings', 'name'),
    ...repeated(tree.tokens, 'tokens', 'id'),
  ];
}

/** The variables that keyrings of the file take their keys from. */
export function importVariables(tree: Mapping): Set<string> {
  const names = listOf(tree.keyrings).map((item) => (isMapping(item) ? item.importFromEnv : undefined));
  return new Set(names.filter((name) => typeof name === 'string'));
}

function sweepFaults(sweep: unknown, now: Instant): Fault[] {
  if (!isMapping(sweep) || typeof sweep.cron !== 'string') return [];
  return checkSchedule({ cron: sweep.cron, timeZone: 'UTC' }, now).map(({ message }) => ({ path: '/sweep/cron', message }));
}

/** Both files are only tried here: whoever listens reads them again when they change. */
function tlsFaults(tls: unknown, { read, resolve }: ImportSources): Fault[] {
  if (!isMapping(tls) || typeof tls.certFile !== 'string' || typeof tls.keyFile !== 'string') return [];
  const cert = readText(read, resolve(tls.certFile));
  const key = readSecret(read, resolve(tls.keyFile));
  return [
    ...('fault' in cert ? [{ path: '/tls/certFile', message: cert.fault }] : []),
    ...('fault' in key ? [{ path: '/tls/keyFile', message: key.fault }] : []),
  ];
}

function defaultsFaults(defaults: unknown, now: Instant): Fault[] {
  return Check(PolicySchema, defaults) ? faultsOfPolicy(defaultsOf(defaults), now, '/defaults') : [];
}

function keyringFaults(tree: Mapping, sources: ImportSources, now: Instant): Fault[] {
  const defaults = defaultsOf(tree.defaults);
  return listOf(tree.keyrings).flatMap((item, index) => {
    if (!Check(KeyringSchema, item)) return [];
    const path = `/keyrings/${index}`;
    if (item.importFromFile !== undefined && item.importFromEnv !== undefined) {
      return [{ path, message: 'has both importFromFile and importFromEnv: keep one' }];
    }
    const imported = importedKey(item, sources);
    const field = item.importFromFile !== undefined ? 'importFromFile' : 'importFromEnv';
    const policy = item.policy === undefined ? [] : faultsOfPolicy(policyOver(defaults, item.policy), now, `${path}/policy`);
    return 'fault' in imported ? [...policy, { path: `${path}/${field}`, message: imported.fault }] : policy;
  });
}

function repeated(list: unknown, section: string, field: string): Fault[] {
  const values = listOf(list).map((item) => (isMapping(item) ? item[field] : undefined));
  const firsts = new Map<unknown, number>();
  return values.flatMap((value, index) => {
    const first = firsts.get(value);
    if (first === undefined) firsts.set(value, index);
    if (value === undefined || first === undefined) return [];
    return [{ path: `/${section}/${index}/${field}`, message: `is the same as /${section}/${first}/${field}: each may be declared once` }];
  });
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
