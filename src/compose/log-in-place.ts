import type { AuditKeys } from '../audit/keys.ts';
import type { LedgerReader, LedgerWriter } from '../audit/ledger.ts';
import { encodeEvent } from '../audit/record.ts';
import { systemClock, systemTimers } from '../clock.ts';
import type { Settings } from '../config/settings.ts';
import { KeyturnError } from '../core/errors.ts';
import { MINUTE, type Millis } from '../core/time.ts';
import type { AuditAction } from '../ports/journal.ts';
import { systemRandom } from '../random.ts';
import type { MasterKeySource } from '../stores/master-key.ts';
import { openPostgres } from '../stores/postgres/postgres.ts';
import { prepareLeases } from '../stores/sqlite/audit/leases.ts';
import { sqliteLedgerReader } from '../stores/sqlite/audit/reader.ts';
import { auditPath, openAuditForReading } from '../stores/sqlite/audit/schema.ts';
import { inlineLedger } from '../stores/sqlite/audit/threads.ts';
import { openSqlite } from '../stores/sqlite/sqlite.ts';
import { ownEvent } from './audit.ts';

/** The log where the configuration keeps it, open for work at the machine. */
export interface LogInPlace {
  readonly keys: AuditKeys;
  readonly reader: LedgerReader;
  readonly writer: LedgerWriter;
}

/** A page of blocks may be long, and nobody waits for an answer. */
const TIMEOUT: Millis = MINUTE;

interface Opened extends LogInPlace {
  close(): void | Promise<void>;
}

/**
 * A log in the data folder is that of a service which is stopped; one in PostgreSQL may have replicas that write it.
 * @throws KeyturnError `store_locked` while a service runs on the folder; `invalid_config` where no lock keeps it out
 */
export async function withLogInPlace<Result>(settings: Settings, work: (log: LogInPlace) => Promise<Result>): Promise<Result> {
  const log = await open(settings);
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}

/** Writes a record of something that was done at the machine. @throws KeyturnError `store_full`, `store_unavailable`, … */
export function note({ writer }: Pick<LogInPlace, 'writer'>, action: AuditAction, reason: string): Promise<void> {
  const texts = [encodeEvent(ownEvent(systemClock, action, reason))];
  return new Promise((resolve, reject) => {
    writer.commit({ texts, leases: [], changes: [], at: systemClock.now() }, (failure) => (failure === null ? resolve() : reject(failure)));
  });
}

function open(settings: Settings): Promise<Opened> {
  switch (settings.store.kind) {
    case 'postgres':
      return inDatabase(settings, settings.store);
    case 'vault':
      throw new KeyturnError(
        'invalid_config',
        'The audit log of a replica on Vault cannot be made shorter: nothing tells whether its service is stopped. Keep it, or move audit.db away while it is.',
      );
    default:
      return inFolder(settings);
  }
}

async function inFolder({ dataDir, masterKey: text }: Settings): Promise<Opened> {
  const masterKey: MasterKeySource = text === null ? { from: 'data-folder' } : { from: 'text', text };
  const sqlite = openSqlite({ dataDir, masterKey, clock: systemClock, random: systemRandom });
  try {
    const writer = inlineLedger(auditPath(dataDir), sqlite.auditKeys, prepareLeases);
    const reader = sqliteLedgerReader(openAuditForReading(auditPath(dataDir)));
    const close = async (): Promise<void> => {
      reader.close();
      await writer.close();
      sqlite.close();
    };
    return { keys: sqlite.auditKeys, writer, reader, close };
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

async function inDatabase({ masterKey }: Settings, store: Extract<Settings['store'], { kind: 'postgres' }>): Promise<Opened> {
  if (masterKey === null) throw new KeyturnError('invalid_config', 'A store that replicas share needs KEYTURN_MASTER_KEY.');
  const postgres = await openPostgres({
    ...store,
    masterKey,
    timeout: TIMEOUT,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
  });
  const { writer, reader } = postgres.log;
  return { keys: postgres.auditKeys, writer, reader, close: () => postgres.close() };
}
