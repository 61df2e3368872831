import { KeyturnError } from '../../core/errors.ts';
import type { Random } from '../../ports/random.ts';
import {
  type MasterKeySource,
  masterKeyPath,
  nextMasterKeyPath,
  obtainMasterKey,
  promoteNextMasterKey,
  readMasterKey,
} from '../master-key.ts';
import type { MasterKey } from '../sealing.ts';
import type { Database } from './database.ts';
import { readMark, writeMark } from './marks.ts';
import { rekey } from './rekey.ts';

/**
 * The master key of a database. The first key that opens it becomes its key; the key itself is on disk before its id is. A change of the master
 * key that a crash interrupted is finished first.
 * @throws KeyturnError `wrong_master_key`, and as `obtainMasterKey`
 */
export function unlock(database: Database, source: MasterKeySource, random: Random): MasterKey {
  if (source.from === 'data-folder') finishRekey(database, random);
  const established = readMark(database, 'master_key_id');
  const key = obtainMasterKey(source, { dataDir: database.dataDir, established: established !== null }, random);
  if (established === null) writeMark(database, 'master_key_id', key.id);
  else if (established !== key.id) throw wrongKey(database.dataDir, established, key.id);
  const target = readMark(database, 'rekey_to');
  if (target !== null) throw unfinished(database.dataDir, target);
  return key;
}

/** Where both keys are in the data folder, nobody needs to be asked. */
function finishRekey(database: Database, random: Random): void {
  const { dataDir } = database;
  const next = readMasterKey(nextMasterKeyPath(dataDir));
  if (next === undefined) return;
  const established = readMark(database, 'master_key_id');
  if (established !== next.id && readMark(database, 'rekey_to') === next.id) {
    const present = readMasterKey(masterKeyPath(dataDir));
    if (present === undefined || present.id !== established) return;
    rekey(database, { from: present, to: next, random });
  }
  if (readMark(database, 'master_key_id') === next.id) promoteNextMasterKey(dataDir);
}

function wrongKey(dataDir: string, established: string, given: string): KeyturnError {
  return new KeyturnError(
    'wrong_master_key',
    `The data in ${dataDir} is sealed with the master key of id ${established}; the one given has id ${given}. Give the key it was sealed with, or another data folder.`,
  );
}

function unfinished(dataDir: string, target: string): KeyturnError {
  return new KeyturnError(
    'wrong_master_key',
    `The data in ${dataDir} is being sealed anew under the master key of id ${target}, and that was interrupted. Run keyturn rekey again with both keys.`,
  );
}
