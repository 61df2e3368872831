import t, { type Test } from 'tap';
import { KeyturnError } from '../../src/core/errors.ts';
import { DAY } from '../../src/core/time.ts';
import { MemoryDueIndex } from '../../src/stores/memory-index.ts';
import { faulty } from '../support/faulty-store.ts';
import { openTestSqlite } from '../support/sqlite.ts';
import { storeConformance } from './conformance.ts';
import { createIn, dueOn, keyring, loadFrom, named, T0 } from './keyrings.ts';

t.test('in front of a store that has a feed, it keeps the contract of a due index', async (t) => {
  storeConformance(t, async () => {
    const last: (() => unknown)[] = [];
    const { store } = openTestSqlite({ teardown: (action) => last.unshift(action) });
    const index = new MemoryDueIndex(store);
    const cleanup = async () => {
      for (const action of last) await action();
    };
    return { store: { ...store, due: index.due.bind(index) }, cleanup };
  });
});

const opened = (t: Test) => {
  const store = faulty(openTestSqlite(t).store);
  const index = new MemoryDueIndex(store);
  const names = async (now = T0 + DAY) => (await index.due(now, null, 1_000)).map(({ name }) => name);
  return { store, index, names };
};

t.test('every document is read once; afterwards only those that the feed names', async (t) => {
  const { store, names } = opened(t);
  for (let made = 0; made < 50; made++) await createIn(store, dueOn(keyring(`k${made}`), T0));
  t.equal((await names()).length, 50);
  t.equal((await names()).length, 50);
  t.equal(store.faults.calls.get('load'), 50);
  const { keyring: before, revision } = await loadFrom(store, 'k7');
  await store.swap(dueOn(before, null), revision);
  t.notOk((await names()).includes(named('k7')));
  t.equal(store.faults.calls.get('load'), 52, 'one by the test, one by the index');
});

t.test('while a document cannot be read nothing is said to be due, and nothing is forgotten', async (t) => {
  const { store, names } = opened(t);
  for (const name of ['a', 'b']) await createIn(store, dueOn(keyring(name), T0));
  store.faults.failNext('load');
  await t.rejects(names(), { code: 'store_unavailable' });
  t.same(await names(), ['a', 'b']);
  const { keyring: before, revision } = await loadFrom(store, 'a');
  await store.swap(dueOn(before, null), revision);
  store.faults.failNext('load');
  await t.rejects(names(), { code: 'store_unavailable' });
  t.same(await names(), ['b'], 'the feed named it once; the failed reading was made up for');
});

t.test('a damaged document is due at once, so that somebody notices, and holds up no other', async (t) => {
  const { store, names } = opened(t);
  for (const name of ['a', 'b']) await createIn(store, dueOn(keyring(name), T0));
  store.faults.failNext('load', new KeyturnError('corrupt_document', 'damaged (test)'));
  t.same((await names()).sort(), ['a', 'b']);
});

t.test('a document that is swapped while the first reading is under way is read again', async (t) => {
  const { store, names } = opened(t);
  const revision = await createIn(store, dueOn(keyring('a'), T0));
  store.faults.beforeNext('page', async () => {
    const { keyring: before } = await loadFrom(store, 'a');
    store.faults.beforeNext('load', async () => undefined);
    await store.swap(dueOn(before, T0 + 2 * DAY), revision);
  });
  t.same(await names(), []);
  t.same(await names(T0 + 2 * DAY), ['a']);
});
