import { createSecretKey, randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import { moveSpool } from '../../src/audit/move-spool.ts';
import { encodeEvent } from '../../src/audit/record.ts';
import { ALL_MOVED, NOT_MOVED, type SpoolPortion, type SpoolReceiver, spoolKeys, spoolName } from '../../src/audit/spool.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { Spools, spoolFolder } from '../../src/stores/sqlite/audit/spools.ts';
import { storeRandom, temporaryFolder } from '../support/sqlite.ts';
import { AT, event, texts } from './fixture.ts';

interface Tap {
  teardown(action: () => unknown): void;
}

/** A shared log in memory that keeps the contract, with a switch for each thing that can go wrong on the way to it. */
function receiver() {
  const marks = new Map<string, number>();
  const taken: string[] = [];
  const faults: ('none' | 'before' | 'after')[] = [];
  const portions: SpoolPortion[] = [];
  const port: SpoolReceiver = {
    markOf: async (spool) => marks.get(spool) ?? NOT_MOVED,
    async take(portion) {
      const fault = faults.shift();
      if (fault === 'before') throw new KeyturnError('store_unavailable', 'It is out (test).');
      if ((marks.get(portion.spool) ?? NOT_MOVED) !== portion.after) throw new KeyturnError('conflict', 'Moved meanwhile (test).');
      marks.set(portion.spool, portion.mark);
      taken.push(...portion.texts.map(({ text }) => text));
      portions.push(portion);
      if (fault === 'after') throw new KeyturnError('store_unavailable', 'The answer is lost (test).');
    },
  };
  const records = () => taken.map((text): unknown[] => JSON.parse(text));
  return {
    port,
    marks,
    faults,
    portions,
    requestIds: () => records().flatMap((fields) => (typeof fields[10] === 'string' ? [fields[10]] : [])),
    reasons: (action: string) => records().flatMap((fields) => (fields[1] === action ? [String(fields[11])] : [])),
    taken: records,
  };
}

function place(t: Tap, options: { readonly dataDir?: string; readonly mostBytes?: number; readonly mac?: Buffer } = {}) {
  const dataDir = options.dataDir ?? temporaryFolder(t);
  const keys = { mac: createSecretKey(options.mac ?? Buffer.alloc(32, 7)) };
  let at = AT;
  const spools = new Spools({
    dataDir,
    mostBytes: options.mostBytes ?? 1_000_000,
    newName: () => spoolName(at++, 'Web_3', storeRandom),
    keysOf: (name) => spoolKeys(keys, name, storeRandom),
  });
  t.teardown(() => spools.close());
  const write = (lines: readonly string[]) =>
    new Promise<void>((resolve, reject) =>
      spools.commit({ texts: lines, at: AT }, (failure) => (failure === null ? resolve() : reject(failure))),
    );
  const move = async (port: SpoolReceiver) => {
    const all: string[] = [];
    await spools.each(async (spool) => {
      const { mac } = spoolKeys(keys, spool.name, storeRandom);
      const { problems } = await moveSpool(spool, { receiver: port, mac, now: () => AT + 60_000 });
      all.push(...problems);
      if (problems.length === 0) spool.discard();
      else spool.setAside();
    });
    return all;
  };
  const folders = () => readdirSync(spoolFolder(dataDir));
  /** SQL on the one spool that lies there. */
  const tamper = (sql: string): void => {
    const [name = ''] = folders();
    const database = new DatabaseSync(join(spoolFolder(dataDir), name, 'audit.db'));
    database.exec(sql);
    database.close();
  };
  return { dataDir, spools, write, move, folders, tamper };
}

const ids = (count: number, from = 1) => Array.from({ length: count }, (_, index) => `r-${from + index}`);

t.test(
  'what was spooled is moved in its order, each record as it was and with the name of its spool; then the spool is gone',
  async (t) => {
    const { spools, write, move, folders } = place(t);
    const shared = receiver();
    await write(texts(2));
    await write([encodeEvent(event({ at: AT + 9, requestId: 'r-3', reason: 'as it was' }))]);
    t.equal(spools.records, 3);
    spools.retire();
    t.same(await move(shared.port), []);
    t.same(shared.requestIds(), ids(3));
    const [first, , third, sum] = shared.taken();
    t.match(first, [
      AT + 1,
      'keys.read',
      'done',
      null,
      'token:abcdefghijkl',
      'web servers',
      'web',
      [2, 1],
      'web-1',
      '127.0.0.1',
      'r-1',
      /^spooled by web-3-[0-9a-f]{8}$/,
    ]);
    t.match(third?.[11], /^spooled by web-3-[0-9a-f]{8}; as it was$/);
    t.match(sum, [AT + 60_000, 'audit.spool', 'done', null]);
    t.match(
      sum?.[11],
      /^3 records, spooled by web-3-[0-9a-f]{8} between 2026-03-01T12:00:00.001Z and 2026-03-01T12:00:00.009Z, are in this log now$/,
    );
    t.same(folders(), []);
    t.equal(spools.records, 0);
  },
);

t.test('nothing is moved twice and nothing is lost, whichever step fails and whether or not it had happened', async (t) => {
  // 1,300 records are three portions and the sum
  for (const fault of ['before', 'after'] as const) {
    for (const step of [0, 1, 2, 3]) {
      const { dataDir, spools, write, move, folders } = place(t);
      const shared = receiver();
      for (let from = 1; from < 1_300; from += 100) await write(texts(100, from));
      spools.retire();
      shared.faults.push(...Array<'none'>(step).fill('none'), fault);
      await t.rejects(move(shared.port), { code: 'store_unavailable' });
      spools.close();
      // as after a kill: another process finds it
      const next = place(t, { dataDir });
      t.same(await next.move(shared.port), []);
      t.same(shared.requestIds(), ids(1_300), `${fault} portion ${step + 1}`);
      t.equal(shared.reasons('audit.spool').length, 1);
      t.same(folders(), []);
    }
  }
});

t.test('what was done to a spool that was moved in part has nothing moved twice', async (t) => {
  // what follows on a block that is gone is not believed
  const left = new Map([
    [1, ids(200, 601)],
    [501, ids(100, 701)],
    [601, []],
  ]);
  for (const [first, believed] of left) {
    const { spools, write, move, tamper } = place(t);
    const shared = receiver();
    for (let from = 1; from <= 701; from += 100) await write(texts(100, from));
    spools.retire();
    shared.faults.push('none', 'before');
    await t.rejects(move(shared.port));
    t.equal(shared.requestIds().length, 600);
    tamper(`DELETE FROM blocks WHERE first = ${first}`);
    t.match(await move(shared.port), [/missing/]);
    const moved = shared.requestIds();
    t.equal(new Set(moved).size, moved.length, `without the block of record ${first}`);
    t.same(moved.slice(0, 600), ids(600));
    t.same(moved.slice(600), believed, 'and what was not moved yet is');
  }
});

t.test('a spool that was moved to its end but not deleted is deleted by the next start', async (t) => {
  const { dataDir, spools, write, folders } = place(t);
  const shared = receiver();
  await write(texts(3));
  spools.retire();
  await t.rejects(
    spools.each(async (spool) => {
      const { mac } = spoolKeys({ mac: createSecretKey(Buffer.alloc(32, 7)) }, spool.name, storeRandom);
      await moveSpool(spool, { receiver: shared.port, mac, now: () => AT });
      throw new Error('killed here (test)');
    }),
  );
  t.equal(folders().length, 1);
  t.same(await place(t, { dataDir }).move(shared.port), []);
  t.same(shared.requestIds(), ids(3));
  t.same(folders(), []);
});

t.test('spools that other processes left are moved in the order of their time; one that is in use is let be', async (t) => {
  const first = place(t);
  const { dataDir } = first;
  await first.write(texts(2));
  first.spools.retire();
  await first.write(texts(2, 3));
  first.spools.retire();
  await first.write(texts(1, 9));
  const shared = receiver();
  t.same(await place(t, { dataDir }).move(shared.port), []);
  t.same(shared.requestIds(), ids(4));
  t.equal(first.folders().length, 1);
  await first.write(texts(1, 10));
  first.spools.retire();
  await first.move(shared.port);
  t.same(shared.requestIds(), [...ids(4), 'r-9', 'r-10']);
});

t.test('what was done to a spool while it lay there is named, and only what bears its seal is taken over', async (t) => {
  const cases: readonly { readonly what: string; readonly sql: string; readonly problem: RegExp; readonly left: readonly string[] }[] = [
    {
      what: 'a record altered',
      sql: `UPDATE blocks SET body = CAST(replace(CAST(body AS TEXT), 'r-3', 'r-X') AS BLOB) WHERE first = 3`,
      problem: /record 3 is not what was written after record 2.*records 3 to 4 are not believed/,
      left: [...ids(2), ...ids(2, 5)],
    },
    {
      what: 'a block removed',
      sql: 'DELETE FROM blocks WHERE first = 3',
      problem: /records 3 to 4 are missing; records 5 to 6 are not believed/,
      left: ids(2),
    },
    { what: 'the end removed', sql: 'DELETE FROM blocks WHERE first = 5', problem: /records 5 to 6 are missing at the end/, left: ids(4) },
    { what: 'everything removed', sql: 'DELETE FROM blocks', problem: /records 1 to 6 are missing at the end/, left: [] },
    { what: 'the recorded end removed', sql: 'DELETE FROM head', problem: /its end is not recorded any more/, left: ids(6) },
    { what: 'the recorded end altered', sql: 'UPDATE head SET sequence = 4', problem: /its recorded end was altered/, left: ids(6) },
    {
      what: 'the count of a block altered',
      sql: 'UPDATE blocks SET count = 9 WHERE first = 1',
      problem: /cut or extended/,
      left: ids(2, 5),
    },
    { what: 'other tables', sql: 'DROP TABLE blocks; CREATE TABLE blocks (first INTEGER)', problem: /cannot be read/, left: [] },
  ];
  for (const { what, sql, problem, left } of cases) {
    const { spools, write, move, folders, tamper } = place(t);
    const shared = receiver();
    for (const from of [1, 3, 5]) await write(texts(2, from));
    spools.retire();
    tamper(sql);
    const problems = await move(shared.port);
    t.match(problems[0], problem, what);
    t.same(shared.requestIds(), left, what);
    const named = shared.taken().filter((fields) => fields[1] === 'audit.spool' && fields[2] === 'failed');
    t.equal(named.length, problems.length, what);
    t.match(named[0]?.[3], 'corrupt_document');
    t.match(named[0]?.[11], problem, what);
    t.match(folders(), [/\.damaged$/], 'it is kept');
    t.same(await move(shared.port), [], 'and told once');
  }
});

t.test('a spool with another seal is not believed, nor one under the name of another', async (t) => {
  const mine = place(t);
  await mine.write(texts(2));
  mine.spools.retire();
  const shared = receiver();
  const stranger = place(t, { dataDir: mine.dataDir, mac: randomBytes(32) });
  t.match(await stranger.move(shared.port), [/seal/, /altered/]);
  t.same(shared.requestIds(), []);

  const [one, two] = [place(t), place(t)];
  for (const { write, spools } of [one, two]) {
    await write(texts(2));
    spools.retire();
  }
  const fileOf = ({ dataDir, folders }: typeof one) => join(spoolFolder(dataDir), folders()[0] ?? '', 'audit.db');
  copyFileSync(fileOf(one), fileOf(two));
  t.match((await two.move(shared.port))[0], /seal/);
});

t.test('a spool that was deleted under the hands of its process is missed', async (t) => {
  const { dataDir, spools, write, move } = place(t);
  await write(texts(4));
  rmSync(spoolFolder(dataDir), { recursive: true });
  spools.retire();
  t.match(await move(receiver().port), [/records 1 to 4 are missing at the end: the replica that wrote them has counted them/]);
});

t.test('a spool that cannot be opened now is not given up, and does not hold up the others', async (t) => {
  const { spools, write, move } = place(t);
  for (const from of [1, 2]) {
    await write(texts(1, from));
    spools.retire();
  }
  const shared = receiver();
  shared.faults.push('before');
  await t.rejects(move(shared.port), { code: 'store_unavailable' });
  t.same(shared.requestIds(), ['r-2']);
  t.same(await move(shared.port), []);
  t.same(shared.requestIds(), ['r-2', 'r-1']);
});

t.test('a file that is no database any more is told, wherever it is', async (t) => {
  for (const file of ['audit.db', 'keyturn.db']) {
    const { dataDir, spools, write, move, folders } = place(t);
    await write(texts(2));
    spools.retire();
    writeFileSync(join(spoolFolder(dataDir), folders()[0] ?? '', file), 'no database at all'.repeat(300));
    const shared = receiver();
    t.match(await move(shared.port), file === 'audit.db' ? [/cannot be read/] : []);
    t.equal([...shared.marks.values()][0], ALL_MOVED);
  }
});

t.test('the bound holds over all spools, and room is made by moving', async (t) => {
  const { spools, write, move } = place(t, { mostBytes: 2_500 });
  await write(texts(5));
  spools.retire();
  await write(texts(5, 6));
  await t.rejects(write(texts(5, 11)), { code: 'store_full' });
  await t.rejects(write([]), { code: 'store_full' }, 'nor is it well before something was moved');
  const shared = receiver();
  await move(shared.port);
  await write(texts(5, 11));
  spools.retire();
  await move(shared.port);
  t.same(shared.requestIds(), ids(15));
});

t.test('an empty spool leaves nothing behind', async (t) => {
  const { dataDir, spools, write, move, folders } = place(t);
  await write([]);
  t.equal(folders().length, 1);
  const shared = receiver();
  spools.retire();
  t.same(await move(shared.port), []);
  t.same(shared.taken(), []);
  spools.close();
  t.same(folders(), []);
  // of a process that died
  const dead = place(t, { dataDir });
  await dead.write([]);
  dead.spools.retire();
  t.ok(existsSync(spoolFolder(dataDir)));
});
