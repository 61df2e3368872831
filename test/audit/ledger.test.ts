import t, { type Test } from 'tap';
import type { AuditKeys } from '../../src/audit/keys.ts';
import type { LedgerWriter } from '../../src/audit/ledger.ts';
import { sqliteLedgerReader } from '../../src/stores/sqlite/audit/reader.ts';
import { openAuditForReading } from '../../src/stores/sqlite/audit/schema.ts';
import { inlineLedger, threadedLedger } from '../../src/stores/sqlite/audit/threads.ts';
import { auditFile } from './fixture.ts';
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
