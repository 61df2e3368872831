import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type AuditKeys, makeAuditKeys, readAuditKeys } from '../audit/keys.ts';
import type { LedgerReader } from '../audit/ledger.ts';
import { verifyLedger } from '../audit/verify.ts';
import { verifySegment } from '../audit/verify-segment.ts';
import type { AuditTools, KeptCheckpoint } from '../cli/audit-tools.ts';
import { systemClock } from '../clock.ts';
import { loadConfig } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { currentSurroundings } from '../config/surroundings.ts';
import { KeyturnError } from '../core/errors.ts';
import { systemRandom } from '../random.ts';
import { type MasterKeySource, obtainMasterKey } from '../stores/master-key.ts';
import { sqliteLedgerReader } from '../stores/sqlite/audit/reader.ts';
import { auditPath, openAuditForReading } from '../stores/sqlite/audit/schema.ts';
import { Database, databasePath } from '../stores/sqlite/database.ts';
import { readMark } from '../stores/sqlite/marks.ts';
import { sealedText } from '../stores/sqlite/sealed-texts.ts';
import { claimOf, dropExported, exportUntil } from './audit-retention.ts';
import { linesIn } from './lines-in.ts';
import { withLogInPlace } from './log-in-place.ts';

/** The audit log's tools at the machine, on the log of the settings or on one that is named. */
export function auditTools(): AuditTools {
  return {
    verifyFolder: (dataDir, known) => verifyFolder(resolve(dataDir), known),
    verifyStore: (known) => verifyStore(settings(), known),
    async verifyFile(file, known) {
      return (await verifySegment(linesIn(file), { mac: null, publicKey: known?.publicKey ?? null, known })).verdict;
    },
    restingLog() {
      const { store, dataDir } = settings();
      if (store.kind === 'postgres') return 'the database';
      return existsSync(auditPath(dataDir)) ? dataDir : null;
    },
    claimOf: (file) => claimOf(file, { mac: null, publicKey: null, known: null }),
    exportUntil: (until, file) => withLogInPlace(settings(), (log) => exportUntil(log, until, file)),
    dropExported: (file) => withLogInPlace(settings(), (log) => dropExported(log, file)),
  };
}

function settings(): Settings {
  return loadConfig(currentSurroundings(), systemClock.now());
}

async function verifyStore({ store, masterKey, dataDir }: Settings, known: KeptCheckpoint | null) {
  if (store.kind !== 'postgres' || masterKey === null) return verifyFolder(dataDir, known);
  const { openLogForReading } = await import('../stores/postgres/audit/for-reading.ts');
  const { reader, keys, close } = await openLogForReading({ ...store, masterKey });
  try {
    return await verify(reader, keys, known);
  } finally {
    await close();
  }
}

async function verifyFolder(dataDir: string, known: KeptCheckpoint | null) {
  const database = openAuditForReading(auditPath(dataDir));
  try {
    return await verify(sqliteLedgerReader(database), keysBeside(dataDir), known);
  } finally {
    database.close();
  }
}

function verify(reader: LedgerReader, keys: AuditKeys | null, known: KeptCheckpoint | null) {
  const publicKey = known?.publicKey ?? keys?.publicKey ?? null;
  return verifyLedger(reader, { mac: keys?.mac ?? null, publicKey, known });
}

/**
 * Null where database or master key are not at hand, as on a copy without them, or while the service has the database.
 * @throws KeyturnError `wrong_master_key` where the key at hand is another one: a log whose seals were not looked at would pass for a sound one
 */
function keysBeside(dataDir: string): AuditKeys | null {
  const database = orNull(() => new Database(dataDir, new DatabaseSync(databasePath(dataDir), { readOnly: true })));
  if (database === null) return null;
  try {
    const masterKey = orNull(() => obtainMasterKey(masterKeySource(dataDir), { dataDir, established: true }, systemRandom));
    const established = orNull(() => readMark(database, 'master_key_id'));
    if (masterKey === null || established === null) return null;
    if (masterKey.id !== established) throw anotherKey(dataDir, masterKey.id, established);
    return orNull(() => readAuditKeys(sealedText(database, 'audit_keys', masterKey, systemRandom, () => makeAuditKeys(systemRandom))));
  } finally {
    database.close();
  }
}

function orNull<Value>(read: () => Value): Value | null {
  try {
    return read();
  } catch {
    return null;
  }
}

function anotherKey(dataDir: string, given: string, established: string): KeyturnError {
  return new KeyturnError(
    'wrong_master_key',
    `The data in ${dataDir} is sealed with the master key of id ${established}; the one given has id ${given}. Give the right one, or verify a copy without keyturn.db: its seals are then not checked.`,
  );
}

function masterKeySource(dataDir: string): MasterKeySource {
  const configured = settings();
  const beside = { from: 'data-folder' } as const;
  if (configured.masterKey === null) return beside;
  return resolve(dataDir) === resolve(configured.dataDir) || !hasOwnKey(dataDir) ? { from: 'text', text: configured.masterKey } : beside;
}

function hasOwnKey(dataDir: string): boolean {
  try {
    return readFileSync(join(dataDir, 'master.key')).length > 0;
  } catch {
    return false;
  }
}
