import t, { type Test } from 'tap';
import { signCheckpoint } from '../../src/audit/keys.ts';
import { encodeEvent } from '../../src/audit/record.ts';
import { auditRetention, rangeText } from '../../src/audit/retention.ts';
import { verifyLedger } from '../../src/audit/verify.ts';
import { verifySegment } from '../../src/audit/verify-segment.ts';
import type { Checkpoint, RecordRange } from '../../src/ports/audit.ts';
import { sqliteLedgerReader } from '../../src/stores/sqlite/audit/reader.ts';
import { openAuditForReading } from '../../src/stores/sqlite/audit/schema.ts';
import { inlineLedger } from '../../src/stores/sqlite/audit/threads.ts';
import { AT, auditFile, commit, event, newKeys, texts } from './fixture.ts';

/** Records 1 to 3 | 4, 5. */
async function log(t: Test) {
  const [path, keys] = [auditFile(t), newKeys()];
  const ledger = inlineLedger(path, keys, () => () => undefined);
  await commit(ledger, texts(3, 1));
  await commit(ledger, texts(2, 4));
  const database = openAuditForReading(path);
  t.teardown(async () => {
    database.close();
    await ledger.close();
  });
  const reader = sqliteLedgerReader(database);
  const retention = auditRetention({ reader, writer: ledger, keys, clock: { now: () => AT } });
  const verify = () => verifyLedger(reader, { mac: keys.mac, publicKey: keys.publicKey, known: null });
  /** As a service does it: the export, then its record. */
  const exported = async (until: number) => {
    const made = await retention.exportUntil(until);
    if (made === null) throw new Error('There is something to export.');
    const { checkpoint } = await verifySegment(made.lines, { mac: keys.mac, publicKey: keys.publicKey, known: null });
    if (checkpoint === null) throw new Error('It ends in a checkpoint.');
    const record = () => commit(ledger, [encodeEvent(event({ action: 'audit.export', reason: rangeText(made) }))]);
    return { checkpoint, record };
  };
  return { keys, ledger, reader, retention, verify, exported };
}

const nothing = () => undefined;

t.test('what was exported goes, after whoever drops it has said so', async (t) => {
  const { retention, verify, exported, ledger } = await log(t);
  const { checkpoint, record } = await exported(AT + 4);
  await record();
  const said: RecordRange[] = [];
  const intent = async (range: RecordRange) => {
    t.match(await verify(), { from: 1 }, 'everything is there yet');
    said.push(range);
  };
  t.same(await retention.drop(1, checkpoint, intent), { from: 1, to: 3 });
  t.same(said, [{ from: 1, to: 3 }]);
  t.match(await verify(), { intact: true, from: 4, to: 6 });
  await commit(ledger, texts(1, 7));
  const next = await exported(AT + 100);
  await next.record();
  t.same(await retention.drop(4, next.checkpoint, nothing), { from: 4, to: 7 });
});

t.test('where the intent cannot be recorded, nothing goes', async (t) => {
  const { retention, verify, exported } = await log(t);
  const { checkpoint, record } = await exported(AT + 4);
  await record();
  await t.rejects(
    retention.drop(1, checkpoint, () => Promise.reject(new Error('full'))),
    { message: 'full' },
  );
  t.match(await verify(), { intact: true, from: 1 });
});

t.test('nothing goes that the checkpoint of an export does not cover', async (t) => {
  const { retention, verify, exported, ledger, keys, reader } = await log(t);
  const { checkpoint, record } = await exported(AT + 4);
  const refuses = async (from: number, shown: Checkpoint, message: RegExp, why: string) => {
    let asked = false;
    const drop = retention.drop(from, shown, () => {
      asked = true;
    });
    await t.rejects(drop, { code: 'export_mismatch', message }, why);
    t.notOk(asked, why);
  };
  await refuses(1, checkpoint, /no export of records 1 to 3 is recorded/, 'its export is not recorded');
  await record();
  await refuses(1, await ledger.checkpoint(AT), /no export of records 1 to 6/, 'a checkpoint of the head is no export');
  await refuses(2, checkpoint, /begins at record 2/, 'it begins elsewhere');
  await refuses(1, { ...checkpoint, sequence: 5 }, /not signed/, 'altered');
  const theirs = signCheckpoint({ sequence: 3, hash: Buffer.from(checkpoint.hash, 'hex') }, AT, newKeys().signing);
  await refuses(1, theirs, /not signed/, 'signed by somebody else');
  const forked = signCheckpoint({ sequence: 3, hash: Buffer.alloc(32) }, AT, keys.signing);
  await refuses(1, forked, /record 3 of the log is another one/, 'of a copy of the log that went another way');
  const [block] = reader.blocks({ from: 1, to: 2, actions: null, outcomes: null, since: null, until: null, order: 'oldest', limit: 1 });
  const within = signCheckpoint({ sequence: 2, hash: block?.head ?? Buffer.alloc(32) }, AT, keys.signing);
  await refuses(1, within, /record 2/, 'in the middle of a commit');
  t.match(await verify(), { intact: true, from: 1, to: 6 });
});
