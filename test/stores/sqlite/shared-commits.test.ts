import t from 'tap';
import { SharedCommits } from '../../../src/stores/sqlite/shared-commits.ts';
import { openTestSqlite } from '../../support/sqlite.ts';

/** A table, and how many transactions were begun on its database. */
function table(t: Parameters<typeof openTestSqlite>[0]) {
  const { database } = openTestSqlite(t);
  database.exec('CREATE TABLE rows (value TEXT PRIMARY KEY) STRICT');
  const insert = database.prepare('INSERT INTO rows VALUES (?)');
  const rows = database.prepare('SELECT value FROM rows ORDER BY value');
  return { database, add: (value: string) => insert.run(value), values: () => rows.all().map(({ value }) => value) };
}

t.test('the writes of one turn are one transaction, and nobody hears of a write before its commit', async (t) => {
  const { database, add, values } = table(t);
  const commits = new SharedCommits(database);
  const begun: number[] = [];
  const transaction = database.transaction.bind(database);
  database.transaction = (body) => {
    begun.push(values().length);
    return transaction(body);
  };
  let heard = 0;
  const all = ['a', 'b', 'c'].map((value) => commits.run(() => add(value)).then(() => heard++));
  t.same([values(), heard], [[], 0]);
  await Promise.all(all);
  t.same(values(), ['a', 'b', 'c']);
  t.same(begun, [0, 0, 1, 2], 'one around all, and in it one a write');
});

t.test('a write that throws is undone alone', async (t) => {
  const { database, add, values } = table(t);
  const commits = new SharedCommits(database);
  const failing = (): never => {
    add('b');
    throw new Error('not this one');
  };
  const outcomes = await Promise.allSettled([commits.run(() => add('a')), commits.run(failing), commits.run(() => add('c'))]);
  t.same(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  t.same(values(), ['a', 'c']);
});

t.test('when the commit fails, all of them have failed', async (t) => {
  const { database, add, values } = table(t);
  database.exec('CREATE TABLE others (value TEXT REFERENCES rows (value) DEFERRABLE INITIALLY DEFERRED) STRICT');
  const orphan = database.prepare("INSERT INTO others VALUES ('nobody')");
  const commits = new SharedCommits(database);
  const outcomes = await Promise.allSettled([commits.run(() => add('a')), commits.run(() => orphan.run())]);
  t.same(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  t.same(values(), []);
  await commits.run(() => add('d'));
  t.same(values(), ['d'], 'and the next one goes on');
});

t.test('what waits when the store is closed is committed first', async (t) => {
  const { database, add, values } = table(t);
  const commits = new SharedCommits(database);
  const written = commits.run(() => add('a'));
  commits.flush();
  t.same(values(), ['a']);
  await written;
});
