import { KeyturnError } from '../../core/errors.ts';
import { parseKeyringName } from '../../core/name.ts';
import type { MaterialNonce } from '../../core/version.ts';
import type { Random } from '../../ports/random.ts';
import type { MaterialRef } from '../../ports/store.ts';
import { type MasterKey, seal, sealedUnder, unseal } from '../sealing.ts';
import type { Database } from './database.ts';
import { readMark, removeMark, writeMark } from './marks.ts';
import { bytesOf, numberOf, type Row, textOf } from './row.ts';
import { resealTexts } from './sealed-texts.ts';

export interface Rekey {
  readonly from: MasterKey;
  readonly to: MasterKey;
  readonly random: Random;
  /** Told after each batch is on the disk. */
  readonly progress?: (done: Rekeyed) => void;
}

export interface Rekeyed {
  /** Entries that this run sealed anew. */
  readonly resealed: number;
  /** Entries that neither key opens: damaged before; left as they are. */
  readonly unreadable: number;
}

const BATCH = 500;

const NEXT = `
  SELECT id, keyring, version, nonce, bytes FROM material JOIN sealed USING (id)
  WHERE destroyed_at IS NULL AND id > ? ORDER BY id LIMIT ${BATCH}`;

/**
 * Seals all material anew under another master key, in batches; each entry says under which key it is, so a run that was interrupted is
 * taken up where it was. The database belongs to the new key once every entry does. The new key must be on the disk before this begins.
 * @throws KeyturnError `conflict` where a change to a third key is under way; what the database throws
 */
export function rekey(database: Database, { from, to, random, progress = () => undefined }: Rekey): Rekeyed {
  begin(database, to);
  const batch = database.prepare(NEXT);
  const update = database.prepare('UPDATE sealed SET bytes = ? WHERE id = ?');
  let done: Rekeyed = { resealed: 0, unreadable: 0 };
  for (let rows = batch.all(0); rows.length > 0; rows = batch.all(numberOf(rows.at(-1) ?? {}, 'id'))) {
    const results = database.transaction(() => rows.map((row) => resealRow(row, { from, to, random }, update.run.bind(update))));
    done = {
      resealed: done.resealed + results.filter((result) => result === 'resealed').length,
      unreadable: done.unreadable + results.filter((result) => result === 'unreadable').length,
    };
    progress(done);
  }
  end(database, from, to, random);
  return done;
}

function begin(database: Database, to: MasterKey): void {
  const target = readMark(database, 'rekey_to');
  if (target !== null && target !== to.id) {
    throw new KeyturnError(
      'conflict',
      `The data in ${database.dataDir} is being sealed anew under the master key of id ${target}. Finish that first, with that key.`,
    );
  }
  writeMark(database, 'rekey_to', to.id);
}

type Result = 'resealed' | 'skipped' | 'unreadable';

function resealRow(row: Row, { from, to, random }: Rekey, update: (bytes: Buffer, id: number) => void): Result {
  const sealed = bytesOf(row, 'bytes');
  if (sealedUnder(sealed) === to.id) return 'skipped';
  const ref = refOf(row);
  try {
    // of the same length: the old bytes are overwritten in place
    update(seal(unseal(sealed, ref, from), ref, to, random), numberOf(row, 'id'));
    return 'resealed';
  } catch (error) {
    if (error instanceof KeyturnError && error.code === 'corrupt_material') return 'unreadable';
    throw error;
  }
}

/** From here on the database belongs to the new key. What the old one sealed leaves the write-ahead log too. */
function end(database: Database, from: MasterKey, to: MasterKey, random: Random): void {
  database.transaction(() => {
    resealTexts(database, from, to, random);
    writeMark(database, 'master_key_id', to.id);
    removeMark(database, 'rekey_to');
  });
  database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
}

function refOf(row: Row): MaterialRef {
  return {
    keyring: parseKeyringName(textOf(row, 'keyring')),
    version: numberOf(row, 'version'),
    nonce: textOf(row, 'nonce') as MaterialNonce,
  };
}
