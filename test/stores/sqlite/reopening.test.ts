import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { databasePath } from '../../../src/stores/sqlite/database.ts';
import { SCHEMA_VERSION } from '../../../src/stores/sqlite/migrations.ts';
import { textOf } from '../../../src/stores/sqlite/row.ts';
import { openTestSqlite, temporaryFolder } from '../../support/sqlite.ts';
import { createIn, keyring, MATERIAL_TEXT, material, named, ref, rotated } from '../keyrings.ts';

const GOLDEN = join(import.meta.dirname, '..', 'golden', 'schema.sql');

t.test('what was stored is there after a restart: documents, revisions, material, destruction', async (t) => {
  const dataDir = temporaryFolder(t);
  const before = openTestSqlite(t, { dataDir });
  const [document, kept, destroyed] = [keyring('web'), ref('web', 1), ref('web', 2)];
  const revision = await createIn(before.store, document);
  for (const entry of [kept, destroyed]) await before.store.putMaterial(entry, material());
  await before.store.destroyMaterial(destroyed);
  before.close();

  const { store } = openTestSqlite(t, { dataDir });
  t.same(await store.load(named('web')), { keyring: document, revision });
  t.equal((await store.getMaterial(kept))?.reveal(), MATERIAL_TEXT);
  await t.rejects(store.putMaterial(destroyed, material()), { code: 'material_exists' });
  t.type(await store.swap(rotated(document), revision), 'string', 'the revision is still good');
});

t.test('a change cursor from before a restart misses nothing', async (t) => {
  const dataDir = temporaryFolder(t);
  const before = openTestSqlite(t, { dataDir });
  await createIn(before.store, keyring('a'));
  const { cursor } = await before.store.changes(null);
  await createIn(before.store, keyring('b'));
  before.close();
  const { names } = await openTestSqlite(t, { dataDir }).store.changes(cursor);
  t.ok(names.some((name) => name === 'b'));
});

t.test('the folder and its files belong to their owner alone', async (t) => {
  const dataDir = join(temporaryFolder(t), 'data');
  const { store, database, close } = openTestSqlite(t, { dataDir });
  await createIn(store, keyring('web'));
  const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
  const path = databasePath(dataDir);
  t.equal(modeOf(dataDir), '700');
  for (const file of [path, `${path}-wal`, join(dataDir, 'master.key')]) t.equal(modeOf(file), '600', file);
  t.equal(database.dataDir, dataDir);
  close();
  chmodSync(path, 0o644);
  openTestSqlite(t, { dataDir });
  t.equal(modeOf(path), '600', 'narrowed again at the next start');
});

t.test('closing leaves one file of the database, and closing again is harmless', async (t) => {
  const { database, store, close } = openTestSqlite(t);
  await createIn(store, keyring('web'));
  close();
  close();
  t.notOk(existsSync(`${databasePath(database.dataDir)}-wal`));
});

t.test('commits are synchronous, deleted bytes are overwritten, one process holds the file', async (t) => {
  const { database } = openTestSqlite(t);
  const pragmas = { journal_mode: 'wal', synchronous: 2, secure_delete: 1, foreign_keys: 1, locking_mode: 'exclusive' };
  for (const [name, value] of Object.entries(pragmas)) t.equal(database.prepare(`PRAGMA ${name}`).first()?.[name], value, name);
});

t.test('the schema is the one on record: a released one never changes', async (t) => {
  const { database } = openTestSqlite(t);
  const rows = database.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid').all();
  const schema = [`-- schema ${SCHEMA_VERSION}`, ...rows.map((row) => `${textOf(row, 'sql')};`), ''].join('\n');
  t.equal(schema, readFileSync(GOLDEN, 'utf8'));
});

t.test('a database of a newer Keyturn is refused and left as it is', async (t) => {
  const { database, close } = openTestSqlite(t);
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
  close();
  const { dataDir } = database;
  t.throws(() => openTestSqlite(t, { dataDir }), { code: 'invalid_config', message: /newer Keyturn/ });
  t.throws(() => openTestSqlite(t, { dataDir }), { code: 'invalid_config' }, 'the refusal gave the lock back');
});
