import { parentPort, workerData } from 'node:worker_threads';
import type { AuditKeys } from '../../../audit/keys.ts';
import { serveLedger } from '../../ledger-worker.ts';
import { prepareLeases } from './leases.ts';
import { waitingLedger } from './threads.ts';
import { openAuditWriter } from './writer.ts';

/** The audit thread of the embedded store: owns the writing connection to the audit database (threads.ts starts it). */
const { path, keys } = workerData as { readonly path: string; readonly keys: AuditKeys };

if (parentPort !== null) serveLedger(parentPort, () => waitingLedger(openAuditWriter(path, keys, prepareLeases)));
