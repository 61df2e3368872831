import t from 'tap';
import type { LedgerReader } from '../../src/audit/ledger.ts';
import { segmentOf } from '../../src/audit/segment.ts';
import { verifyLedger } from '../../src/audit/verify.ts';
import { sqliteLedgerReader } from '../../src/stores/sqlite/audit/reader.ts';
import { openAuditForReading } from '../../src/stores/sqlite/audit/schema.ts';
import { inlineLedger } from '../../src/stores/sqlite/audit/threads.ts';
import { AT, auditFile, commit, newKeys, texts } from './fixture.ts';

t.test('a beginning that is dropped while a log is verified is not missing', async (t) => {
  const [path, keys] = [auditFile(t), newKeys()];
  const ledger = inlineLedger(path, keys, () => () => undefined);
  t.teardown(() => ledger.close());
  for (const first of [1, 3, 5]) await commit(ledger, texts(2, first));
  const reader = sqliteLedgerReader(openAuditForReading(path));
  t.teardown(() => reader.close());
  let { checkpoint } = await segmentOf(reader, keys, AT + 4, AT);
  t.ok(checkpoint);
  const dropping: LedgerReader = {
    ...reader,
    async blocks(search) {
      if (checkpoint !== null) await ledger.drop(checkpoint);
      checkpoint = null;
      return reader.blocks(search);
    },
  };
  const verdict = await verifyLedger(dropping, { mac: keys.mac, publicKey: keys.publicKey, known: null });
  t.match(verdict, { intact: true, findings: [], to: 6 });
  t.ok(verdict.from > 1);
});
