import { readAuditKeys } from '../audit/keys.ts';
import type { LedgerWriter } from '../audit/ledger.ts';
import type { StoreSettings } from '../config/settings.ts';
import { KeyturnError } from '../core/errors.ts';
import type { RekeyOutcome, RekeyProgress } from '../ports/at-machine.ts';
import type { Random } from '../ports/random.ts';
import { openPostgresLedger } from '../stores/postgres/audit/writer.ts';
import { connectForWork } from '../stores/postgres/connect.ts';
import { migrate, quoted } from '../stores/postgres/migrations.ts';
import { beginRekey, establishedKey, type Rekey, resealAll, wrongKey } from '../stores/postgres/rekey.ts';
import { readSealedText } from '../stores/postgres/sealed-texts.ts';
import type { MasterKey } from '../stores/sealing.ts';
import { note } from './log-in-place.ts';

interface RekeyDeps {
  readonly from: MasterKey;
  readonly to: MasterKey;
  readonly random: Random;
  readonly progress: (done: RekeyProgress) => void;
}

/**
 * Changes the master key of a schema, while all its replicas are stopped. Run again after a crash it goes on where it was.
 * @throws KeyturnError `store_locked` while a service runs, `wrong_master_key`, `invalid_config`, `store_read_only` for who is not the owner
 */
export async function changeKeyOfSchema(store: Extract<StoreSettings, { kind: 'postgres' }>, deps: RekeyDeps): Promise<RekeyOutcome> {
  const { from, to } = deps;
  const connections = await connectForWork(store, 'keyturn rekey');
  const { where } = connections;
  const rekey: Rekey = { ...deps, connections, schema: store.schema };
  try {
    const established = await establishedKey(rekey);
    if (established === null)
      throw new KeyturnError('invalid_config', `There are no data in the schema ${store.schema} at ${where}. Start the service first.`);
    if (established === to.id) return { resealed: 0, unreadable: 0, masterKeyId: to.id, inDataFolder: false };
    if (established !== from.id) throw wrongKey(where, established, from.id);
    await migrate(connections, store.schema);
    const writer = await openLog(rekey);
    await beginRekey(rekey);
    return { ...(await recorded(rekey, writer)), masterKeyId: to.id, inDataFolder: false };
  } finally {
    await connections.close();
  }
}

/** The first record stands before anything is sealed anew. */
async function recorded(rekey: Rekey, writer: LedgerWriter): Promise<RekeyProgress> {
  const { from, to } = rekey;
  const log = { writer };
  await note(log, 'masterkey.rotate', `begun: from the key of id ${from.id} to ${to.id}`);
  const done = await resealAll(rekey);
  await note(log, 'masterkey.rotate', `the key of id ${to.id} is in force; ${done.resealed} sealed anew, ${done.unreadable} unreadable`);
  return done;
}

async function openLog({ connections, schema, from }: Rekey): Promise<LedgerWriter> {
  const text = await readSealedText({ connections, schema: quoted(schema), masterKey: from }, 'audit_keys');
  if (text === undefined)
    throw new KeyturnError('corrupt_document', 'The keys of the audit log are missing in the table meta. Restore them from a backup.');
  return openPostgresLedger({ connections, schema: quoted(schema), keys: readAuditKeys(text) });
}
