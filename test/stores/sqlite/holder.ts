// Opens the store of a data folder in a process of its own, says how that went, and holds it until it is killed.
import { codeOf } from '../../../src/core/errors.ts';
import type { MaterialNonce } from '../../../src/core/version.ts';
import { openTestSqlite } from '../../support/sqlite.ts';
import { createIn, keyring, material, ref } from '../keyrings.ts';

const [dataDir = '', document] = process.argv.slice(2);
try {
  const { store } = openTestSqlite({ teardown: () => undefined }, { dataDir });
  if (document !== undefined) {
    await store.putMaterial(ref(document, 1, '0123456789abcdef' as MaterialNonce), material());
    await createIn(store, keyring(document));
  }
  process.stdout.write('open\n');
  setInterval(() => undefined, 60_000);
} catch (error) {
  process.stdout.write(`${codeOf(error)}\n`);
}
