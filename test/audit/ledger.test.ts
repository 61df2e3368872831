import t, { type Test } from 'tap';
import type { AuditKeys } from '../../src/audit/keys.ts';
import type { LedgerWriter } from '../../src/audit/ledger.ts';
import { verifyLedger } from '../../src/audit/verify.ts';
import { sqliteLedgerReader } from '../../src/stores/sqlite/audit/reader.ts';
import { openAuditForReading } from '../../src/stores/sqlite/audit/schema.ts';
import { inlineLedger, threadedLedger } from '../../src/stores/sqlite/audit/threads.ts';
import { openAuditWriter } from '../../src/stores/sqlite/audit/writer.ts';
import { AT, auditFile, newKeys, texts } from './fixture.ts';
import { type LedgerPlace, ledgerConformance } from './ledger-conformance.ts';

type Open = (path: string, keys: AuditKeys) => LedgerWriter | Promise<LedgerWriter>;

/** A file of its own. */
const inFile =
  (open: Open) =>
  async (t: Test): Promise<LedgerPlace> => {
    const path = auditFile(t);
    return async (keys) => {
      const ledger = await open(path, keys);
      const database = openAuditForReading(path);
      t.teardown(async () => {
        database.close();
        await ledger.close().catch(() => undefined);
      });
      return { ledger, reader: sqliteLedgerReader(database) };
    };
  };

t.test('on the same thread', async (t) =>
  ledgerConformance(
    t,
    inFile((path, keys) => inlineLedger(path, keys, () => () => undefined)),
  ),
);
t.test('on a thread of its own', async (t) => ledgerConformance(t, inFile(threadedLedger)));

t.test('what a crash leaves of a drop is no point of the chain, and goes at the next start', async (t) => {
  const [path, keys] = [auditFile(t), newKeys()];
  const open = () => openAuditWriter(path, keys, () => () => undefined);
  const batch = (first: number) => ({ texts: texts(2, first), leases: [], changes: [], at: AT });
  const writer = open();
  writer.commit(batch(1));
  const first = writer.checkpoint(AT);
  writer.commit(batch(3));
  writer.drop(writer.checkpoint(AT));
  t.throws(() => writer.drop(first), { code: 'export_mismatch' }, 'its block is there yet');
  writer.close();
  const again = open();
  t.notOk(again.clear(), 'nothing is left');
  again.commit(batch(5));
  again.close();
  const database = openAuditForReading(path);
  t.teardown(() => database.close());
  t.match(await verifyLedger(sqliteLedgerReader(database), { mac: keys.mac, publicKey: keys.publicKey, known: null }), {
    intact: true,
    from: 5,
    to: 6,
  });
});
