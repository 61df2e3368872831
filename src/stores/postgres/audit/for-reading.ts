import { type AuditKeys, readAuditKeys } from '../../../audit/keys.ts';
import type { LedgerReader } from '../../../audit/ledger.ts';
import type { Secret } from '../../../core/secret.ts';
import { parseMasterKey } from '../../master-key.ts';
import { connectForWork, type Database } from '../connect.ts';
import { quoted } from '../migrations.ts';
import { readSealedText } from '../sealed-texts.ts';
import { postgresLedgerReader } from './reader.ts';

export interface LogForReadingOptions extends Database {
  readonly schema: string;
  readonly masterKey: Secret;
}

export interface LogForReading {
  readonly reader: LedgerReader;
  /** Null: the master key given opens none. */
  readonly keys: AuditKeys | null;
  close(): Promise<void>;
}

/**
 * Opens the log of a schema without writing anything: that of replicas in service, a standby's, or a dump that was restored somewhere.
 * @throws KeyturnError `invalid_config`, `store_unavailable`
 */
export async function openLogForReading({ schema, masterKey, ...database }: LogForReadingOptions): Promise<LogForReading> {
  const key = parseMasterKey(masterKey, 'The master key of the PostgreSQL store');
  const connections = await connectForWork(database, 'keyturn audit');
  const reader = postgresLedgerReader(connections, quoted(schema));
  try {
    await reader.head(); // a place without a log is found out now
    const text = await readSealedText({ connections, schema: quoted(schema), masterKey: key }, 'audit_keys').catch(() => undefined);
    return { reader, keys: text === undefined ? null : readAuditKeys(text), close: () => connections.close() };
  } catch (error) {
    await connections.close();
    throw error;
  }
}
