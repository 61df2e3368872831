import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ADMIN_TOKEN_FILE } from '../access/admin-token-file.ts';
import { parseToken } from '../access/token-format.ts';
import { readText } from '../config/files.ts';
import { configFilePath, loadConfig, type Surroundings } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { type Fault, KeyturnError } from '../core/errors.ts';
import type { FileFacts, MachineFacts, SettingsFacts } from '../core/review/facts.ts';
import type { Instant } from '../core/time.ts';
import { masterKeyPath } from '../stores/master-key.ts';
import { damagedSpools } from '../stores/sqlite/audit/spools.ts';
import { databasePath } from '../stores/sqlite/database.ts';

/** The data folder and the configuration as they lie there: nothing is opened for writing, nothing is locked. Null where there are none to see, or this user may not look. */
export function inspectMachine(surroundings: Surroundings, now: Instant): MachineFacts | null {
  const { settings, faults } = configuration(surroundings, now);
  const dataDir = settings?.dataDir ?? resolve(surroundings.cwd, surroundings.env.KEYTURN_DATA_DIR || 'data');
  if (!mayLookInto(dataDir)) return null;
  if (![...marksOf(dataDir), configFilePath(surroundings)].some((path) => existsSync(path))) return null;
  return {
    faults,
    settings: settings === null ? null : settingsFacts(settings, surroundings),
    dataDir,
    files: process.platform === 'win32' ? [] : filesOf(dataDir),
    adminTokenId: adminTokenId(dataDir, surroundings),
    masterKeyWrittenAt: writtenAt(masterKeyPath(dataDir)),
    damagedSpools: damagedSpools(dataDir),
  };
}

/** Also where there is no folder yet. */
function mayLookInto(dataDir: string): boolean {
  try {
    readdirSync(dataDir);
    statSync(`${dataDir}/.`);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
  }
}

/** What makes a folder one of Keyturn's, whatever store it goes with. */
function marksOf(dataDir: string): string[] {
  return [databasePath(dataDir), masterKeyPath(dataDir), join(dataDir, ADMIN_TOKEN_FILE), ...damagedSpools(dataDir)];
}

function configuration(surroundings: Surroundings, now: Instant): { settings: Settings | null; faults: readonly Fault[] } {
  try {
    return { settings: loadConfig(surroundings, now), faults: [] };
  } catch (error) {
    if (error instanceof KeyturnError && error.code === 'invalid_config') return { settings: null, faults: error.faults };
    throw error;
  }
}

function settingsFacts({ host, tls, trustProxy, masterKey, backup, limits, audit }: Settings, surroundings: Surroundings): SettingsFacts {
  return {
    host,
    hasTls: tls !== null,
    certificateUntil: tls === null ? null : certificateUntil(tls.certFile, surroundings),
    trustsProxies: trustProxy === true ? 'all' : trustProxy === false || trustProxy.length === 0 ? 'none' : 'some',
    hasMasterKey: masterKey !== null,
    hasBackupRecipient: backup.recipient !== null,
    connections: limits.connections,
    onAuditOutage: audit.onOutage,
  };
}

function certificateUntil(path: string, { read }: Surroundings): Instant | null {
  const file = readText(read, path);
  if ('fault' in file) return null;
  try {
    return Date.parse(new X509Certificate(file.value.text).validTo);
  } catch {
    return null;
  }
}

function filesOf(dataDir: string): FileFacts[] {
  const folder = modeOf(dataDir);
  if (folder === null) return [];
  const paths = (orNull(() => readdirSync(dataDir)) ?? []).map((name) => join(dataDir, name));
  return [folder, ...paths.sort().flatMap((path) => modeOf(path) ?? [])];
}

/** Null for what has gone meanwhile, or may not be looked at. */
function modeOf(path: string): FileFacts | null {
  const stats = orNull(() => statSync(path));
  return stats === null ? null : { path, isFolder: stats.isDirectory(), mode: stats.mode & 0o777 };
}

function orNull<Value>(look: () => Value): Value | null {
  try {
    return look();
  } catch {
    return null;
  }
}

/** The public part of the token in the file: its text is looked at and let go. */
function adminTokenId(dataDir: string, { read }: Surroundings): string | null {
  const file = readText(read, join(dataDir, ADMIN_TOKEN_FILE));
  if ('fault' in file) return file.absent ? null : '';
  return parseToken(file.value.text.trim())?.id ?? '';
}

function writtenAt(path: string): Instant | null {
  return orNull(() => statSync(path))?.mtimeMs ?? null;
}
