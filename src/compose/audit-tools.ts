import { readFileSync } from 'node:fs';
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
import { systemRandom } from '../random.ts';
import { type MasterKeySource, obtainMasterKey } from '../stores/master-key.ts';
import { sqliteLedgerReader } from '../stores/sqlite/audit/reader.ts';
import { auditPath, openAuditForReading } from '../stores/sqlite/audit/schema.ts';
import { Database, databasePath } from '../stores/sqlite/database.ts';
import { sealedText } from '../stores/sqlite/sealed-texts.ts';
import { dropExported, exportUntil } from './audit-retention.ts';
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

/** Null where database or master key are not at hand, as on a copy without them, or while the service has the database. */
function keysBeside(dataDir: string): AuditKeys | null {
  let database: Database | null = null;
  try {
    database = new Database(dataDir, new DatabaseSync(databasePath(dataDir), { readOnly: true }));
    const masterKey = obtainMasterKey(masterKeySource(dataDir), { dataDir, established: true }, systemRandom);
    return readAuditKeys(sealedText(database, 'audit_keys', masterKey, systemRandom, () => makeAuditKeys(systemRandom)));
  } catch {
    return null;
  } finally {
    database?.close();
  }
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
