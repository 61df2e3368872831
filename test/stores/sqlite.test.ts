import t from 'tap';
import { faulty } from '../support/faulty-store.ts';
import { openTestSqlite } from '../support/sqlite.ts';
import { storeConformance } from './conformance.ts';

const open = async () => {
  const last: (() => unknown)[] = [];
  const { store, tokens, fingerprints } = openTestSqlite({ teardown: (action) => last.unshift(action) });
  const cleanup = async () => {
    for (const action of last) await action();
  };
  return { store, tokens, fingerprints, cleanup };
};

t.test('the embedded store keeps the contract', async (t) => storeConformance(t, open));

t.test('so does the faulty store of the tests while nothing is switched on', async (t) => {
  storeConformance(t, async () => {
    const { store, cleanup } = await open();
    return { store: faulty(store), cleanup };
  });
});
