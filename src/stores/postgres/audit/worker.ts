import { parentPort, workerData } from 'node:worker_threads';
import type { LedgerWriter } from '../../../audit/ledger.ts';
import { Secret } from '../../../core/secret.ts';
import { serveLedger } from '../../ledger-worker.ts';
import { connectAs } from '../connect.ts';
import { CALL_LIMIT, nameOfSessions } from '../connections.ts';
import { quoted } from '../migrations.ts';
import type { ThreadData } from './thread.ts';
import { openPostgresLedger } from './writer.ts';

/** One commits; the other drops and signs meanwhile. */
const POOL_SIZE = 2;

/** The audit thread of a replica: seals and commits the batches of its answers (thread.ts starts it). */
const { url, caFile, schema, keys } = workerData as ThreadData;

async function open(): Promise<LedgerWriter> {
  const limits = { poolSize: POOL_SIZE, timeout: CALL_LIMIT };
  const connections = await connectAs({ url: new Secret(url), caFile }, nameOfSessions(schema), limits);
  const close = (): Promise<void> => connections.close();
  try {
    const ledger = await openPostgresLedger({ connections, schema: quoted(schema), keys });
    return { ...ledger, close: () => ledger.close().finally(close) };
  } catch (error) {
    await close();
    throw error;
  }
}

if (parentPort !== null) serveLedger(parentPort, open);
