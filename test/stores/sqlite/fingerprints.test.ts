import { readFileSync } from 'node:fs';
import t from 'tap';
import { databasePath } from '../../../src/stores/sqlite/database.ts';
import { openTestSqlite, temporaryFolder } from '../../support/sqlite.ts';
import { material, otherMaterial, ref } from '../keyrings.ts';

t.test('a fingerprint means nothing without the master key', async (t) => {
  const found = await Promise.all(
    [1, 2].map(async () => {
      const { store, fingerprints, database } = openTestSqlite(t);
      await store.putMaterial(ref('web'), material());
      t.equal((await fingerprints.find(material())).length, 1);
      return database.prepare('SELECT hex(fingerprint) AS hex FROM fingerprints').first()?.hex;
    }),
  );
  t.match(found[0], /^[0-9A-F]{64}$/);
  t.not(found[0], found[1]);
});

t.test('material from before there were fingerprints gets its own at the next start', async (t) => {
  const dataDir = temporaryFolder(t);
  const before = openTestSqlite(t, { dataDir });
  const [kept, damaged] = [ref('web', 1), ref('web', 2)];
  await before.store.putMaterial(kept, material());
  await before.store.putMaterial(damaged, otherMaterial());
  before.database.exec('DROP TABLE fingerprints; PRAGMA user_version = 1');
  before.database.exec('UPDATE sealed SET bytes = zeroblob(length(bytes)) WHERE id = 2');
  before.close();
  const { fingerprints, close } = openTestSqlite(t, { dataDir });
  t.same(await fingerprints.find(material()), [kept]);
  t.same(await fingerprints.find(otherMaterial()), [], 'what cannot be opened goes without');
  close();
  t.notOk(readFileSync(databasePath(dataDir)).includes(material().reveal()));
});
