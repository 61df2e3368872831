import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { NEWEST_CHECKPOINTS, RECORDS_BETWEEN_CHECKPOINTS } from '../../src/audit/checkpoints.ts';
import type { AuditKeys } from '../../src/audit/keys.ts';
import { EVERY_BLOCK, type LedgerReader, type LedgerWriter } from '../../src/audit/ledger.ts';
import { verifyLedger } from '../../src/audit/verify.ts';
import type { Checkpoint } from '../../src/ports/audit.ts';
import { AT, commit, newKeys, texts } from './fixture.ts';

export interface OpenedLedger {
  readonly ledger: LedgerWriter;
  readonly reader: LedgerReader;
}

/** An empty place for one log; opened again it goes on, as after a restart. */
export type LedgerPlace = (keys: AuditKeys) => Promise<OpenedLedger>;

/** What every ledger is held to. @param place closes what it opened after the test */
export function ledgerConformance(t: Test, place: (t: Test) => Promise<LedgerPlace>): void {
  const fresh = async (t: Test) => {
    const keys = newKeys();
    const opener = await place(t);
    const { ledger, reader } = await opener(keys);
    const open = (others = keys) => opener(others);
    return { open, ledger, reader, verify: () => verifyLedger(reader, { mac: keys.mac, publicKey: keys.publicKey, known: null }) };
  };

  t.test('what was committed is read, in its order, with numbers from 1 on', async (t) => {
    const { ledger, reader, verify } = await fresh(t);
    await commit(ledger, texts(2));
    await commit(ledger, texts(3, 3));
    t.match(await reader.blocks({ ...EVERY_BLOCK, order: 'oldest', limit: 9 }), [
      { first: 1, count: 2 },
      { first: 3, count: 3 },
    ]);
    t.match(await reader.head(), { sequence: 5 });
    t.match(await verify(), { intact: true, records: 5, to: 5 });
  });

  t.test('an empty batch proves that the log can be written, and writes no record', async (t) => {
    const { ledger, reader } = await fresh(t);
    await commit(ledger, []);
    t.same(await reader.blocks({ ...EVERY_BLOCK, order: 'oldest', limit: 9 }), []);
    t.match(await reader.head(), { sequence: 0 });
  });

  t.test('the chain goes on after a restart', async (t) => {
    const { open, ledger, verify } = await fresh(t);
    await commit(ledger, texts(2));
    await ledger.close();
    const { ledger: again } = await open();
    await commit(again, texts(2, 3));
    t.match(await verify(), { intact: true, records: 4, to: 4 });
  });

  t.test('a batch that fails leaves nothing behind, and the next one takes its numbers', async (t) => {
    const { ledger, reader, verify } = await fresh(t);
    await commit(ledger, texts(1));
    await t.rejects(commit(ledger, ['x'.repeat(9_000)]), { code: 'internal' });
    await commit(ledger, texts(1, 2));
    t.match(await reader.head(), { sequence: 2 });
    t.match(await verify(), { intact: true, records: 2 });
  });

  t.test('the log can be read and verified while it is written', async (t) => {
    const { ledger, verify } = await fresh(t);
    let written = 0;
    const writing = (async () => {
      for (; written < 60; written++) await commit(ledger, texts(20, written * 20));
    })();
    while (written < 60) t.match(await verify(), { intact: true, findings: [] });
    await writing;
    t.match(await verify(), { intact: true, records: 1_200 });
  });

  t.test('the newest change of each keyring is remembered', async (t) => {
    const { ledger, reader } = await fresh(t);
    for (const changedAt of [AT, AT + 5, AT + 3]) {
      await new Promise((resolve) => ledger.commit({ texts: [], leases: [], changes: [{ keyring: 'web', changedAt }], at: AT }, resolve));
    }
    t.same(await reader.changes(), [{ keyring: 'web', changedAt: AT + 5 }]);
  });

  t.test('a checkpoint is signed and kept', async (t) => {
    const { ledger, reader } = await fresh(t);
    await commit(ledger, texts(3));
    const made = await ledger.checkpoint(AT);
    t.match(made, { sequence: 3, at: AT });
    t.same(await reader.checkpoints(), [made]);
  });

  t.test('of the checkpoints that are asked for the newest stay, and one of each hundred thousand records', async (t) => {
    const { ledger, reader, verify } = await fresh(t);
    const made: Checkpoint[] = [];
    const make = async (records: number) => {
      await commit(ledger, texts(records));
      made.push(await ledger.checkpoint(AT));
    };
    await make(1);
    const anchor = await ledger.checkpoint(AT);
    await ledger.drop(anchor);
    for (let count = 0; count < 3; count++) await make(1);
    for (let count = 0; count < 25; count++) await commit(ledger, texts(4_096));
    const itself = (await reader.checkpoints()).filter(({ sequence }) => sequence > 100);
    t.equal(itself.length, 1, 'the log made one by itself meanwhile');
    for (let count = 0; count < NEWEST_CHECKPOINTS; count++) await make(1);
    // the next ones find the old ones, perhaps one at a time
    for (let count = 0; count < 4; count++) await make(1);
    const kept = await reader.checkpoints();
    t.same(kept.slice(-NEWEST_CHECKPOINTS - 1), made.slice(-NEWEST_CHECKPOINTS - 1), 'the newest are as they were signed');
    t.ok(kept.length <= NEWEST_CHECKPOINTS + 1 + 2, `${kept.length} are kept`);
    t.same(
      kept.filter(({ sequence }) => sequence < RECORDS_BETWEEN_CHECKPOINTS),
      made.slice(3, 4),
      'the last one before record 100,000',
    );
    t.match(await reader.anchor(), { sequence: anchor.sequence }, 'where the log begins');
    t.match(await verify(), { intact: true });
  });

  t.test('after a drop the log begins later and is intact', async (t) => {
    const { open, ledger, verify } = await fresh(t);
    await commit(ledger, texts(3));
    const anchor = await ledger.checkpoint(AT);
    await commit(ledger, texts(2, 4));
    await ledger.drop(anchor);
    t.match(await verify(), { intact: true, from: 4, to: 5, records: 2 });
    await ledger.close();
    const { ledger: again } = await open();
    await commit(again, texts(1, 6));
    t.match(await verify(), { intact: true, from: 4, to: 6, records: 3 });
  });

  t.test('after a drop of everything the chain still goes on', async (t) => {
    const { open, ledger, verify } = await fresh(t);
    await commit(ledger, texts(3));
    await ledger.drop(await ledger.checkpoint(AT));
    await ledger.close();
    const { ledger: again } = await open();
    await commit(again, texts(1, 4));
    t.match(await verify(), { intact: true, from: 4, to: 4 });
  });

  t.test('a drop begins the chain at one of its own points, and never at an earlier one than it begins at already', async (t) => {
    const { ledger, verify } = await fresh(t);
    await commit(ledger, texts(3));
    const first = await ledger.checkpoint(AT);
    await commit(ledger, texts(2, 4));
    const second = await ledger.checkpoint(AT);
    await t.rejects(ledger.drop({ ...second, sequence: 4 }), { code: 'export_mismatch' }, 'not the end of a block');
    await t.rejects(ledger.drop({ ...second, hash: first.hash }), { code: 'export_mismatch' }, 'another hash');
    await t.rejects(ledger.drop({ ...second, sequence: 6 }), { code: 'export_mismatch' }, 'beyond the end');
    t.match(await verify(), { intact: true, from: 1, to: 5 });
    await ledger.drop(second);
    await t.rejects(ledger.drop(first), { code: 'export_mismatch' }, 'dropped before');
    t.match(await verify(), { intact: true, from: 6, to: 5 });
  });

  t.test('the log is written and verified while it loses its beginning', async (t) => {
    const { ledger, reader, verify } = await fresh(t);
    for (let at = 0; at < 12; at++) await commit(ledger, texts(2_000, at * 2_000));
    const anchor = await ledger.checkpoint(AT);
    const drop = ledger.drop(anchor);
    for (let more = 0; more < 10; more++) {
      await commit(ledger, texts(5, more * 5));
      t.match(await verify(), { intact: true, findings: [] });
    }
    await drop;
    const left = async () => (await reader.blocks({ ...EVERY_BLOCK, to: anchor.sequence, order: 'oldest', limit: 1 })).length;
    for (let tries = 0; (await left()) > 0 && tries < 200; tries++) await sleep(20);
    t.equal(await left(), 0, 'what was dropped is gone');
    t.match(await verify(), { intact: true, from: anchor.sequence + 1, records: 50 });
  });

  t.test('other keys do not open it', async (t) => {
    const { open, ledger } = await fresh(t);
    await commit(ledger, texts(1));
    await ledger.close();
    await t.rejects(async () => open(newKeys()), { code: 'corrupt_document' });
  });
}
