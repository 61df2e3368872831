import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { type AuditKeys, makeAuditKeys, readAuditKeys } from '../audit/keys.ts';
import { encodeEvent } from '../audit/record.ts';
import { auditRetention, rangeText } from '../audit/retention.ts';
import { textOf } from '../audit/segment.ts';
import { type VerifyOptions, verifyLedger } from '../audit/verify.ts';
import { verifySegment } from '../audit/verify-segment.ts';
import type { AuditTools, ExportClaim, KeptCheckpoint } from '../cli/audit-tools.ts';
import { systemClock } from '../clock.ts';
import { loadConfig } from '../config/load.ts';
import { currentSurroundings } from '../config/surroundings.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import type { AuditRetention, Checkpoint, RecordRange } from '../ports/audit.ts';
import type { AuditAction } from '../ports/journal.ts';
import { systemRandom } from '../random.ts';
import { type MasterKeySource, obtainMasterKey } from '../stores/master-key.ts';
import { prepareLeases } from '../stores/sqlite/audit/leases.ts';
import { sqliteLedgerReader } from '../stores/sqlite/audit/reader.ts';
import { auditPath, openAuditForReading } from '../stores/sqlite/audit/schema.ts';
import { openAuditWriter } from '../stores/sqlite/audit/writer.ts';
import { Database, databasePath } from '../stores/sqlite/database.ts';
import { sealedText } from '../stores/sqlite/sealed-texts.ts';
import { openSqlite } from '../stores/sqlite/sqlite.ts';
import { ownEvent } from './audit.ts';

/** The audit log's offline tools, on the data folder of the settings or on one that is named. */
export function auditTools(): AuditTools {
  return {
    verifyFolder: (dataDir, known) => verifyFolder(resolve(dataDir), known),
    async verifyFile(file, known) {
      return (await verifySegment(linesOf(file), { mac: null, publicKey: known?.publicKey ?? null, known })).verdict;
    },
    restingLog() {
      const { dataDir } = loadConfig(currentSurroundings(), systemClock.now());
      return existsSync(auditPath(dataDir)) ? dataDir : null;
    },
    claimOf: (file) => claimOf(file, { mac: null, publicKey: null, known: null }),
    exportUntil: (until, file) => atRest((log) => exportUntil(log, until, file)),
    dropExported: (file) => atRest((log) => dropExported(log, file)),
  };
}

async function verifyFolder(dataDir: string, known: KeptCheckpoint | null) {
  const database = openAuditForReading(auditPath(dataDir));
  try {
    const keys = keysBeside(dataDir);
    const publicKey = known?.publicKey ?? keys?.publicKey ?? null;
    return await verifyLedger(sqliteLedgerReader(database), { mac: keys?.mac ?? null, publicKey, known });
  } finally {
    database.close();
  }
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
  const settings = loadConfig(currentSurroundings(), systemClock.now());
  const beside = { from: 'data-folder' } as const;
  if (settings.masterKey === null) return beside;
  return resolve(dataDir) === resolve(settings.dataDir) || !hasOwnKey(dataDir) ? { from: 'text', text: settings.masterKey } : beside;
}

function hasOwnKey(dataDir: string): boolean {
  try {
    return readFileSync(join(dataDir, 'master.key')).length > 0;
  } catch {
    return false;
  }
}

/** The log of the settings' data folder while no service has it. */
interface RestingLog {
  readonly keys: AuditKeys;
  readonly retention: AuditRetention;
  record(action: AuditAction, reason: string): void;
  /** Removes what was dropped. */
  clear(): void;
}

/** @throws KeyturnError `store_locked` while a service runs on the folder */
async function atRest<Result>(work: (log: RestingLog) => Promise<Result>): Promise<Result> {
  const settings = loadConfig(currentSurroundings(), systemClock.now());
  const { dataDir } = settings;
  const masterKey: MasterKeySource = settings.masterKey === null ? { from: 'data-folder' } : { from: 'text', text: settings.masterKey };
  const sqlite = openSqlite({ dataDir, masterKey, clock: systemClock, random: systemRandom });
  try {
    const keys = sqlite.auditKeys;
    const writer = openAuditWriter(auditPath(dataDir), keys, prepareLeases);
    const reader = sqliteLedgerReader(openAuditForReading(auditPath(dataDir)));
    const record = (action: AuditAction, reason: string): void =>
      writer.commit({ texts: [encodeEvent(ownEvent(systemClock, action, reason))], leases: [], changes: [], at: systemClock.now() });
    try {
      const dropping = { drop: async (anchor: Checkpoint) => writer.drop(anchor) };
      const retention = auditRetention({ reader, writer: dropping, keys, clock: systemClock });
      const clear = (): void => {
        while (writer.clear());
      };
      return await work({ keys, retention, record, clear });
    } finally {
      reader.close();
      writer.close();
    }
  } finally {
    sqlite.close();
  }
}

async function exportUntil({ retention, record }: RestingLog, until: Instant, file: string): Promise<RecordRange | null> {
  const exported = await retention.exportUntil(until);
  if (exported === null) return null;
  const { from, to, lines } = exported;
  const out = await open(file, 'wx', 0o600).catch((cause: unknown) => {
    throw new KeyturnError('invalid_config', `${file} cannot be made. Name a file that does not exist, in a folder that does.`, { cause });
  });
  try {
    await out.writeFile(textOf(lines));
    await out.sync();
  } finally {
    await out.close();
  }
  record('audit.export', rangeText({ from, to }));
  return { from, to };
}

async function dropExported({ keys: { mac, publicKey }, retention, record, clear }: RestingLog, file: string): Promise<RecordRange> {
  const { from, checkpoint } = await claimOf(file, { mac, publicKey, known: null });
  const dropped = await retention.drop(from, checkpoint, (range) => record('audit.drop', `${rangeText(range)}, exported before`));
  clear();
  return dropped;
}

/** What a verified segment shows to whoever is to drop it. @throws KeyturnError `export_mismatch` */
async function claimOf(file: string, options: VerifyOptions): Promise<ExportClaim> {
  const { verdict, begin, checkpoint } = await verifySegment(linesOf(file), options);
  const [finding] = verdict.findings;
  if (finding === undefined && checkpoint !== null) return { from: begin.sequence + 1, checkpoint };
  const why = finding?.problem ?? 'it has no checkpoint';
  throw new KeyturnError('export_mismatch', `${file} does not allow to drop anything: ${why}. Nothing was deleted.`);
}

function linesOf(file: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY });
}
