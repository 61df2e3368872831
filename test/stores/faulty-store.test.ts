import t, { type Test } from 'tap';
import { KeyturnError } from '../../src/core/errors.ts';
import { faulty } from '../support/faulty-store.ts';
import { openTestSqlite } from '../support/sqlite.ts';
import { createIn, keyring, loadFrom, named, rotated } from './keyrings.ts';

const open = (t: Test) => faulty(openTestSqlite(t).store);

t.test('a store that is down fails every call and does nothing', async (t) => {
  const store = open(t);
  store.faults.down = true;
  await t.rejects(store.load(named('web')), { code: 'store_unavailable' });
  await t.rejects(store.swap(keyring('web'), null), { code: 'store_unavailable' });
  store.faults.down = false;
  t.equal(await store.load(named('web')), undefined);
  t.equal(store.faults.calls.get('load'), 2);
});

t.test('the next call of one method fails, and only that one', async (t) => {
  const store = open(t);
  store.faults.failNext('swap');
  t.equal(await store.load(named('web')), undefined);
  await t.rejects(store.swap(keyring('web'), null), { code: 'store_unavailable' });
  store.faults.failNext('swap', new KeyturnError('store_full', 'full'));
  await t.rejects(store.swap(keyring('web'), null), { code: 'store_full' });
  t.equal(await store.load(named('web')), undefined, 'neither happened');
  await createIn(store, keyring('web'));
});

t.test('a swap whose answer is lost has happened', async (t) => {
  const store = open(t);
  const document = keyring('web');
  store.faults.loseNextAnswer('swap');
  await t.rejects(store.swap(document, null), { code: 'store_unavailable' });
  t.equal((await loadFrom(store, 'web')).keyring.changed.id, document.changed.id);
});

t.test('a callback before a swap makes its loser', async (t) => {
  const store = open(t);
  const first = keyring('web');
  const revision = await createIn(store, first);
  const winner = rotated(first);
  store.faults.beforeNext('swap', () => store.swap(winner, revision));
  t.equal(await store.swap(rotated(first), revision), null);
  t.same((await loadFrom(store, 'web')).keyring, winner);
});

t.test('a delayed call begins when it is let go', async (t) => {
  const store = open(t);
  const gate = Promise.withResolvers<void>();
  store.faults.delayNext('load', gate.promise);
  const late = store.load(named('web'));
  const document = keyring('web');
  await createIn(store, document);
  gate.resolve();
  t.same((await late)?.keyring, document);
});
