import { existsSync } from 'node:fs';
import { makeAuditKeys, readAuditKeys } from '../audit/keys.ts';
import { loadConfig } from '../config/load.ts';
import { newMasterKey } from '../config/new-master-key.ts';
import type { Settings } from '../config/settings.ts';
import { currentSurroundings } from '../config/surroundings.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import type { RekeyOutcome } from '../ports/at-machine.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import {
  masterKeyPath,
  nextMasterKeyPath,
  parseMasterKey,
  promoteNextMasterKey,
  readMasterKey,
  writeNewMasterKey,
} from '../stores/master-key.ts';
import type { MasterKey } from '../stores/sealing.ts';
import { type Database, databasePath, openDatabase } from '../stores/sqlite/database.ts';
import { readMark } from '../stores/sqlite/marks.ts';
import { type Rekey, type Rekeyed, rekey } from '../stores/sqlite/rekey.ts';
import { sealedText } from '../stores/sqlite/sealed-texts.ts';
import { openLogAtRest } from './log-at-rest.ts';
import { changeKeyOfSchema } from './rekey-postgres.ts';

interface RekeyDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly progress: (done: Rekeyed) => void;
}

/**
 * Changes the master key of the data folder, or of the schema in PostgreSQL, while the service is stopped. Run again after a crash it goes on where it was.
 * @throws KeyturnError `store_locked` while the service runs, `wrong_master_key`, `invalid_config`
 */
export async function changeMasterKey({ clock, random, progress }: RekeyDeps): Promise<RekeyOutcome> {
  const surroundings = currentSurroundings();
  const settings = loadConfig(surroundings, clock.now());
  const given = newMasterKey(surroundings);
  if (settings.store.kind === 'postgres') return changeKeyOfSchema(settings.store, { ...keysOf(settings, given), random, progress });
  if (!existsSync(databasePath(settings.dataDir))) throw noData(settings);
  const database = openDatabase(settings.dataDir);
  try {
    const established = readMark(database, 'master_key_id');
    if (established === null) throw noData(settings);
    if (settings.masterKey !== null) {
      return run(database, established, { ...keysOf(settings, given), random, progress }, false, clock);
    }
    return inDataFolder(database, established, settings, { clock, random, progress });
  } finally {
    database.close();
  }
}

function noData({ dataDir }: Settings): KeyturnError {
  return new KeyturnError(
    'invalid_config',
    `There is no data in ${dataDir}. Name the data folder of the service, or start the service first.`,
  );
}

/** Both from outside the data folder. */
function keysOf({ masterKey }: Pick<Settings, 'masterKey'>, given: Secret | null): { readonly from: MasterKey; readonly to: MasterKey } {
  if (masterKey === null || given === null) throw newKeyMissing();
  return { from: parseMasterKey(masterKey, 'The master key given as text'), to: parseMasterKey(given, 'The new master key') };
}

function inDataFolder(
  database: Database,
  established: string,
  { dataDir }: Settings,
  { clock, random, progress }: RekeyDeps,
): RekeyOutcome {
  const waiting = readMasterKey(nextMasterKeyPath(dataDir));
  // the key was changed and only its file was not moved yet: that finishes the earlier run, and this one begins anew
  if (waiting?.id === established) promoteNextMasterKey(dataDir);
  const from = readMasterKey(masterKeyPath(dataDir));
  if (from === undefined)
    throw new KeyturnError('wrong_master_key', `The master key ${masterKeyPath(dataDir)} is missing. Put it back from a backup.`);
  const to = waiting !== undefined && waiting.id !== established ? waiting : writeNewMasterKey(nextMasterKeyPath(dataDir), random);
  const outcome = run(database, established, { from, to, random, progress }, true, clock);
  promoteNextMasterKey(dataDir);
  return outcome;
}

function run(database: Database, established: string, request: Rekey, inDataFolder: boolean, clock: Clock): RekeyOutcome {
  const { from, to } = request;
  if (established === to.id) return { resealed: 0, unreadable: 0, masterKeyId: to.id, inDataFolder };
  if (established !== from.id) {
    throw new KeyturnError(
      'wrong_master_key',
      `The data in ${database.dataDir} is sealed with the master key of id ${established}; the one given has id ${from.id}. Give the key it was sealed with.`,
    );
  }
  return { ...recorded(database, request, clock), masterKeyId: to.id, inDataFolder };
}

/** The first record stands before anything is changed: from then on the new key is the one to come, whoever finishes the change after a crash. */
function recorded(database: Database, request: Rekey, clock: Clock): Rekeyed {
  const { from, to, random } = request;
  const keys = readAuditKeys(sealedText(database, 'audit_keys', from, random, () => makeAuditKeys(random)));
  const log = openLogAtRest(database.dataDir, keys, clock);
  try {
    log.note('masterkey.rotate', `begun: from the key of id ${from.id} to ${to.id}`);
    const done = rekey(database, request);
    log.note('masterkey.rotate', `the key of id ${to.id} is in force; ${done.resealed} sealed anew, ${done.unreadable} unreadable`);
    return done;
  } finally {
    log.close();
  }
}

function newKeyMissing(): KeyturnError {
  return new KeyturnError(
    'invalid_config',
    'The master key comes from outside the data folder, so the new one must too: name its file in KEYTURN_NEW_MASTER_KEY_FILE. `openssl rand -hex 32` makes one.',
  );
}
