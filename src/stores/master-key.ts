import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KeyturnError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { Random } from '../ports/random.ts';
import { MASTER_KEY_BYTES, MasterKey } from './sealing.ts';
import { syncFolder } from './sync-folder.ts';

/** Where the master key is: the text itself (from the environment or a file of the operator's), or `master.key` in the data folder. */
export type MasterKeySource = { readonly from: 'text'; readonly text: Secret } | { readonly from: 'data-folder' };

export interface MasterKeyPlace {
  readonly dataDir: string;
  /** Whether data sealed with a master key exists: then none is ever made anew. */
  readonly established: boolean;
}

const HEX = /^[0-9a-f]{64}$/i;
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/;
const OTHERS = 0o077;

export function masterKeyPath(dataDir: string): string {
  return join(dataDir, 'master.key');
}

/** Where a new master key waits while the material is sealed anew under it. */
export function nextMasterKeyPath(dataDir: string): string {
  return join(dataDir, 'master.key.next');
}

/**
 * The master key; makes one (mode 0600) in the data folder where nothing is sealed yet and the source is that folder. The caller holds the
 * lock of the data, so that no two processes make one.
 * @throws KeyturnError `invalid_config` (malformed, unreadable, readable by others), `wrong_master_key` (missing beside existing data),
 * `store_read_only`, `store_full`
 */
export function obtainMasterKey(source: MasterKeySource, place: MasterKeyPlace, random: Random): MasterKey {
  switch (source.from) {
    case 'text':
      return parseMasterKey(source.text, 'The master key given as text');
    case 'data-folder':
      return readMasterKey(masterKeyPath(place.dataDir)) ?? makeMasterKey(place, random);
  }
}

/**
 * @param where how the message names its origin
 * @throws KeyturnError `invalid_config`
 */
export function parseMasterKey(text: Secret, where: string): MasterKey {
  const trimmed = text.reveal().trim();
  if (HEX.test(trimmed)) return new MasterKey(Buffer.from(trimmed, 'hex'));
  if (BASE64.test(trimmed)) return new MasterKey(Buffer.from(trimmed, 'base64'));
  throw new KeyturnError(
    'invalid_config',
    `${where} is not a master key: it must be ${MASTER_KEY_BYTES} bytes as 64 hex characters or as base64. \`openssl rand -hex 32\` makes one.`,
  );
}

/** The key of a file; undefined where there is none. @throws KeyturnError `invalid_config` */
export function readMasterKey(path: string): MasterKey | undefined {
  const file = openIfThere(path);
  if (file === undefined) return undefined;
  try {
    refuseReadableByOthers(path, fstatSync(file).mode);
    return parseMasterKey(new Secret(readFileSync(file, 'utf8')), `The file ${path}`);
  } finally {
    closeSync(file);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    if (isSystemError(cause) && cause.code === 'ENOENT') return undefined;
    throw new KeyturnError('invalid_config', `The master key file ${path} cannot be read. Let the user that runs Keyturn read it.`, {
      cause,
    });
  }
}

function refuseReadableByOthers(path: string, mode: number): void {
  if ((mode & OTHERS) === 0) return;
  const found = (mode & 0o777).toString(8).padStart(4, '0');
  throw new KeyturnError('invalid_config', `The master key file ${path} is open to other users (mode ${found}). Run: chmod 600 ${path}`);
}

function makeMasterKey({ dataDir, established }: MasterKeyPlace, random: Random): MasterKey {
  const path = masterKeyPath(dataDir);
  if (established) {
    throw new KeyturnError(
      'wrong_master_key',
      `The data in ${dataDir} is sealed, and its master key ${path} is missing. Put the file back from a backup, or give the key as KEYTURN_MASTER_KEY. Without it the keys cannot be read.`,
    );
  }
  return writeNewMasterKey(path, random);
}

/** A new key in a file of its own (0600), on the disk before it is returned. @throws KeyturnError `store_read_only`, `store_full` */
export function writeNewMasterKey(path: string, random: Random): MasterKey {
  const raw = random.bytes(MASTER_KEY_BYTES);
  try {
    writeDurably(path, `${raw.toString('hex')}\n`);
  } catch (cause) {
    throw unwritable(path, cause);
  }
  return new MasterKey(raw);
}

/** Puts the waiting master key in the place of the old one. */
export function promoteNextMasterKey(dataDir: string): void {
  try {
    renameSync(nextMasterKeyPath(dataDir), masterKeyPath(dataDir));
    syncFolder(dataDir);
  } catch (cause) {
    throw unwritable(masterKeyPath(dataDir), cause);
  }
}

/** Under another name first: a crash leaves the whole key or none. */
function writeDurably(path: string, text: string): void {
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  const file = openSync(draft, 'wx', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
  syncFolder(dirname(path));
}

function unwritable(path: string, cause: unknown): KeyturnError {
  const full = isSystemError(cause) && (cause.code === 'ENOSPC' || cause.code === 'EDQUOT');
  if (full) return new KeyturnError('store_full', `The disk is full: the master key ${path} cannot be written. Make room.`, { cause });
  return new KeyturnError('store_read_only', `The master key ${path} cannot be written. Let the user that runs Keyturn write there.`, {
    cause,
  });
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}
