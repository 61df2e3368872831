import { accessSync, constants, createReadStream, existsSync, mkdirSync, statSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChangeDeps } from '../app/change.ts';
import { Copies } from '../app/copies.ts';
import { reinstateAll } from '../app/reinstate.ts';
import { type Manifest, unpack } from '../backup/archive.ts';
import { decrypt } from '../backup/envelope.ts';
import { parseRecoveryKey } from '../backup/recovery-key.ts';
import { loadConfig } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { currentSurroundings } from '../config/surroundings.ts';
import { KeyturnError } from '../core/errors.ts';
import type { KeyringName } from '../core/name.ts';
import { toIso } from '../core/time.ts';
import type { Tombstones } from '../core/transitions/reinstate.ts';
import type { Actor, PrincipalId } from '../core/version.ts';
import type { Reinstated, RestoreOutcome, RestoreRequest, Since } from '../ports/at-machine.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import { type MasterKeySource, masterKeyPath, readMasterKey } from '../stores/master-key.ts';
import { databasePath } from '../stores/sqlite/database.ts';
import { discardIn } from '../stores/sqlite/discard.ts';
import { storeFailure } from '../stores/sqlite/errors.ts';
import { readMark, removeMark, writeMark } from '../stores/sqlite/marks.ts';
import { SNAPSHOT_MASTER_KEY } from '../stores/sqlite/snapshot.ts';
import { openSqlite, type Sqlite } from '../stores/sqlite/sqlite.ts';
import { tombstonesIn } from '../stores/sqlite/tombstones.ts';
import { ownEvent } from './audit.ts';
import { SNAPSHOT_FOLDER } from './backup.ts';
import { endingsIn, type Told } from './endings-told.ts';
import { bringLog, type LogAtRest, markLeasesIncomplete, openLogAtRest } from './log-at-rest.ts';

interface RestoreDeps {
  readonly clock: Clock;
  readonly random: Random;
}

const RESTORER: Actor = { id: 'system:restore' as PrincipalId, name: 'restore' };

/**
 * Brings back into the data folder what it has lost, while the service is stopped: all of it into an empty one. What the folder has stays; a version
 * that ended after the backup stays ended. Can be run again after a crash.
 * @throws KeyturnError `store_locked`, `corrupt_backup`, `wrong_master_key`; `invalid_config` where nothing tells what ended after the backup
 */
export async function restoreBackup(request: RestoreRequest, deps: RestoreDeps): Promise<RestoreOutcome> {
  const settings = loadConfig(currentSurroundings(), deps.clock.now());
  if (settings.store.kind !== 'sqlite') throw notOurs(settings.store.kind);
  try {
    return await restoreInto(settings, request, deps);
  } catch (error) {
    throw isNoSpace(error) ? storeFailure(error, settings.dataDir) : error;
  }
}

function notOurs(kind: string): KeyturnError {
  return new KeyturnError(
    'invalid_config',
    `The configuration names the store ${kind}, which is backed up and restored by its own means: docs/stores.md says how. A backup of keyturn backup goes into the embedded store (KEYTURN_STORE=sqlite), and from there anywhere: keyturn migrate.`,
  );
}

function isNoSpace(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

/** @throws KeyturnError `invalid_config`, before anything is made for a backup that cannot be had */
function requireReadable(file: string): void {
  try {
    accessSync(file, constants.R_OK);
    if (!statSync(file).isDirectory()) return;
  } catch (cause) {
    throw new KeyturnError('invalid_config', `The file ${file} cannot be read. Check its path and its permissions.`, { cause });
  }
  throw new KeyturnError('invalid_config', `${file} is a folder. Name the file that \`keyturn backup\` wrote.`);
}

async function restoreInto(settings: Settings, request: RestoreRequest, deps: RestoreDeps): Promise<RestoreOutcome> {
  requireReadable(request.file);
  mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(settings.dataDir, SNAPSHOT_FOLDER));
  try {
    const manifest = await unpack(decrypt(createReadStream(request.file), parseRecoveryKey(request.recoveryKey)), folder);
    return await merge(settings, manifest, folder, request, deps);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A key that is there already may belong to data that was only moved away: it is never written over. */
async function placeMasterKey(from: string, to: string): Promise<void> {
  if (!existsSync(to)) return copyFile(from, to);
  const [backed, own] = [from, to].map((path) => readMasterKey(path)?.id);
  if (backed === own) return;
  throw new KeyturnError(
    'invalid_config',
    `${to} is another master key than that of the backup, and there is no database beside it. Keep it: move it away, or name another data folder, and restore again.`,
  );
}

async function merge(
  settings: Settings,
  manifest: Manifest,
  folder: string,
  request: RestoreRequest,
  deps: RestoreDeps,
): Promise<RestoreOutcome> {
  const { dataDir } = settings;
  const isNew = !existsSync(databasePath(dataDir));
  const source = masterKeyOf(settings);
  const withKey = manifest.files.some(({ name }) => name === SNAPSHOT_MASTER_KEY);
  if (isNew && withKey && source.from === 'data-folder') await placeMasterKey(join(folder, SNAPSHOT_MASTER_KEY), masterKeyPath(dataDir));
  const backup = openSqlite({ ...deps, dataDir: folder, masterKey: withKey ? { from: 'data-folder' } : source });
  try {
    const target = openSqlite({ ...deps, dataDir, masterKey: source, restoring: true });
    try {
      return await bringBack({ target, backup, folder, madeAt: manifest.madeAt, deps }, request);
    } finally {
      target.close();
    }
  } finally {
    backup.close();
  }
}

/** Both sides of a restore, open. */
interface Restore {
  readonly target: Sqlite;
  readonly backup: Sqlite;
  /** Holds the files of the backup. */
  readonly folder: string;
  readonly madeAt: string;
  readonly deps: RestoreDeps;
}

/** While the mark stands no service starts on the folder; it goes when keyrings, log and registry of leases belong together again. */
async function bringBack(restore: Restore, request: RestoreRequest): Promise<RestoreOutcome> {
  const { target, backup, folder, madeAt, deps } = restore;
  const told = request.audit.length === 0 ? null : await endingsIn(request.audit, { folder, keys: backup.auditKeys, clock: deps.clock });
  const tombstonesOf = await evidence(target, backup, request.since, told);
  writeMark(target.database, 'restoring', madeAt);
  const log = openLogAtRest(target.database.dataDir, bringLog(target, backup, folder), deps.clock);
  try {
    log.note('backup.restore', `begun: from the backup of ${madeAt}`);
    const keyrings = await reinstateInto(restore, tombstonesOf, log);
    const tokens = request.keepTokens ? await copyTokens(target, backup) : 0;
    log.note('backup.restore', endOf(keyrings, tokens));
    markLeasesIncomplete(target.database.dataDir, deps.clock);
    removeMark(target.database, 'restoring');
    return { madeAt, keyrings, tokens, knownUntil: told === null ? null : toIso(told.until) };
  } finally {
    log.close();
  }
}

function endOf(keyrings: readonly Reinstated[], tokens: number): string {
  const count = (outcome: Reinstated['outcome']) => keyrings.filter((keyring) => keyring.outcome === outcome).length;
  return `ended: ${count('reinstated')} keyrings are back, ${count('kept')} stayed, ${count('purged')} purged, ${count('failed')} failed; ${tokens} tokens`;
}

type TombstonesOf = (name: KeyringName) => Tombstones;

/**
 * What is known to have ended after the backup. Nothing is taken on trust: of a keyring that the folder never had, or that an interrupted restore may
 * have begun, somebody must say it.
 */
async function evidence({ database }: Sqlite, backup: Sqlite, since: Since | null, told: Told | null): Promise<TombstonesOf> {
  const resumed = readMark(database, 'restoring') !== null;
  const tells = (name: KeyringName) => !resumed && tombstonesIn(database, name).isLast;
  if (since === null && told === null && !(await namesOf(backup)).every(tells)) throw nothingTells(database.dataDir);
  return (name) => {
    const known = { ...tombstonesIn(database, name), isLast: tells(name) };
    if (told !== null) return bothOf(known, told.endings.tombstonesOf(name));
    return since === 'revoke-all' && !known.isLast ? { ...known, ended: () => true } : known;
  };
}

function bothOf(rows: Tombstones, log: Tombstones): Tombstones {
  return {
    ended: (version) => rows.ended(version) || log.ended(version),
    highest: Math.max(log.highest, rows.highest),
    // the log may have ended before the service did
    isLast: rows.isLast,
    purged: log.purged,
  };
}

async function namesOf({ store }: Sqlite): Promise<KeyringName[]> {
  const names: KeyringName[] = [];
  for (let after: KeyringName | null = null; ; ) {
    const page: Awaited<ReturnType<typeof store.page>> = await store.page(after, 1_000);
    names.push(...page.items);
    if (page.next === null) return names;
    after = page.next;
  }
}

function nothingTells(dataDir: string): KeyturnError {
  return new KeyturnError(
    'invalid_config',
    `${dataDir} never had some of these keyrings, so nothing tells which of their keys were revoked after this backup. If none was, say --nothing-was-revoked: the old keys go on verifying. If an export of the audit log tells it, give it with --audit. Otherwise say --revoke-all: only fresh keys are good, and everybody is logged out.`,
  );
}

async function reinstateInto(
  { target, backup, madeAt, deps: { clock, random } }: Restore,
  tombstonesOf: TombstonesOf,
  log: LogAtRest,
): Promise<Reinstated[]> {
  const { store, database } = target;
  const service: ChangeDeps = { store, clock, random, copies: new Copies({ store, feed: store, clock }) };
  const keyrings: Reinstated[] = [];
  const reason = `restored from the backup of ${madeAt}`;
  const request = { by: RESTORER, reason, backup: backup.store, tombstonesOf, discard: discardIn(database) };
  await reinstateAll(service, request, async (outcome) => {
    keyrings.push(outcome);
    await record(target, outcome, reason, log, clock);
  });
  return keyrings;
}

/** The fresh key first, then what was cut: as in the record of an emergency rotation. */
async function record({ store }: Sqlite, outcome: Reinstated, reason: string, log: LogAtRest, clock: Clock): Promise<void> {
  if (outcome.outcome === 'failed' || (outcome.outcome === 'kept' && outcome.filled.length === 0)) return;
  const { name } = outcome;
  const changedAt = (await store.load(name))?.keyring.changed.at ?? clock.now();
  const versions = outcome.outcome === 'reinstated' ? [outcome.current, ...outcome.ended] : [];
  const what = outcome.outcome === 'kept' ? `the lost keys of versions ${outcome.filled.join(', ')} are back` : reason;
  log.append(
    [{ ...ownEvent(clock, 'backup.restore', what), principal: RESTORER, keyring: name, versions }],
    [{ keyring: name, changedAt }],
  );
}

/** Tokens that the folder does not know; one that it knows keeps its revocation. */
async function copyTokens(target: Sqlite, backup: Sqlite): Promise<number> {
  let copied = 0;
  for (let after: Parameters<Sqlite['tokens']['page']>[0] = null; ; ) {
    const page: Awaited<ReturnType<Sqlite['tokens']['page']>> = await backup.tokens.page(after, 500);
    for (const token of page.items) {
      if ((await target.tokens.get(token.id)) !== undefined) continue;
      await target.tokens.insert(token);
      copied++;
    }
    if (page.next === null) return copied;
    after = page.next;
  }
}

function masterKeyOf({ masterKey }: Settings): MasterKeySource {
  return masterKey === null ? { from: 'data-folder' } : { from: 'text', text: masterKey };
}
