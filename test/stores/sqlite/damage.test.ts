import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { databasePath } from '../../../src/stores/sqlite/database.ts';
import type { Sqlite } from '../../../src/stores/sqlite/sqlite.ts';
import { openTestSqlite, temporaryFolder } from '../../support/sqlite.ts';
import { createIn, keyring, loadFrom, MATERIAL_TEXT, material, named, otherMaterial, ref, rotated } from '../keyrings.ts';

/** A store with two keyrings that each have one material entry. */
async function withTwo(t: Test): Promise<Sqlite & { a: ReturnType<typeof ref>; b: ReturnType<typeof ref> }> {
  const sqlite = openTestSqlite(t);
  const [a, b] = [ref('a'), ref('b')];
  for (const name of ['a', 'b']) await createIn(sqlite.store, keyring(name));
  await sqlite.store.putMaterial(a, material());
  await sqlite.store.putMaterial(b, otherMaterial());
  return { ...sqlite, a, b };
}

t.test('a damaged document is named and hides nothing else', async (t) => {
  const damages = [
    "'{'",
    "'{}'",
    'replace(document, \'"kind":"created"\', \'"kind":"x"\')',
    'replace(document, \'"version":1\', \'"version":0\')',
  ];
  damages.push("(SELECT document FROM keyrings WHERE name = 'b')", 'replace(document, \'"schema":1\', \'"schema":2\')');
  for (const damage of damages) {
    const { store, database } = await withTwo(t);
    const changed = database.prepare(`UPDATE keyrings SET document = ${damage} WHERE name = 'a' AND document != ${damage}`).run();
    t.equal(changed, 1, damage);
    await t.rejects(store.load(named('a')), { code: 'corrupt_document', message: /Keyring a/ }, damage);
    t.equal((await loadFrom(store, 'b')).keyring.name, 'b');
    t.same((await store.page(null, 10)).items, ['a', 'b'], 'it is not absent');
  }
});

t.test('damaged material is named and hides nothing else', async (t) => {
  const damages = ["x''", "x'01'", 'zeroblob(length(bytes))', 'substr(bytes, 1, length(bytes) - 1)', "CAST(bytes || x'00' AS BLOB)"];
  for (const damage of damages) {
    const { store, database, a, b } = await withTwo(t);
    t.equal(database.prepare(`UPDATE sealed SET bytes = ${damage} WHERE id = 1`).run(), 1);
    await t.rejects(store.getMaterial(a), { code: 'corrupt_material', message: /version 1 of keyring a/ }, damage);
    await t.rejects(store.putMaterial(a, material()), { code: 'corrupt_material' }, 'nothing is put over it');
    t.equal((await store.getMaterial(b))?.reveal(), otherMaterial().reveal());
  }
});

t.test('material whose bytes are gone is damaged, not absent', async (t) => {
  const { store, database, a } = await withTwo(t);
  database.exec('DELETE FROM sealed WHERE id = 1');
  await t.rejects(store.getMaterial(a), { code: 'corrupt_material' });
});

t.test('two entries whose bytes were exchanged open neither here nor there', async (t) => {
  const { store, database, a, b } = await withTwo(t);
  database.exec(
    'CREATE TEMP TABLE were AS SELECT * FROM sealed; UPDATE sealed SET bytes = (SELECT bytes FROM were WHERE were.id = 3 - sealed.id)',
  );
  for (const entry of [a, b]) await t.rejects(store.getMaterial(entry), { code: 'corrupt_material' });
});

t.test('material moved to another keyring, version or nonce does not open there', async (t) => {
  const to = ref('c', 2);
  for (const column of ['keyring', 'version', 'nonce'] as const) {
    const { store, database, a } = await withTwo(t);
    database.prepare(`UPDATE material SET ${column} = ? WHERE id = 1`).run(to[column]);
    await t.rejects(store.getMaterial({ ...a, [column]: to[column] }), { code: 'corrupt_material' }, column);
    t.equal(await store.getMaterial(a), undefined);
  }
});

t.test('a file that is no database is refused in words, and left alone', async (t) => {
  const dataDir = temporaryFolder(t);
  const text = 'not a database '.repeat(1000);
  writeFileSync(databasePath(dataDir), text);
  t.throws(() => openTestSqlite(t, { dataDir }), { code: 'store_unavailable', message: /damaged, or is no database/ });
  t.equal(readFileSync(databasePath(dataDir), 'utf8'), text);
});

t.test('a data folder that cannot be one is refused in words', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'file'), '');
  mkdirSync(join(folder, 'data', 'keyturn.db'), { recursive: true });
  t.throws(() => openTestSqlite(t, { dataDir: join(folder, 'file') }), { code: 'store_read_only', message: /is no folder/ });
  t.throws(() => openTestSqlite(t, { dataDir: join(folder, 'file', 'below') }), { code: 'store_read_only', message: /below a file/ });
  t.throws(() => openTestSqlite(t, { dataDir: join(folder, 'data') }), { code: 'store_read_only' });
});

t.test('a store that cannot be written says so, goes on reading, and recovers by itself', async (t) => {
  const { store, database, a } = await withTwo(t);
  database.exec('PRAGMA query_only = ON');
  await t.rejects(store.check(), { code: 'store_read_only' });
  await t.rejects(createIn(store, keyring('c')), { code: 'store_read_only' });
  await t.rejects(store.putMaterial(ref('c'), material()), { code: 'store_read_only' });
  await t.rejects(store.destroyMaterial(a), { code: 'store_read_only' });
  t.equal((await store.getMaterial(a))?.reveal(), MATERIAL_TEXT);
  database.exec('PRAGMA query_only = OFF');
  await store.check();
  await createIn(store, keyring('c'));
});

t.test('a full disk is named, changes nothing, and is over when there is room again', async (t) => {
  const { store, database, a } = await withTwo(t);
  const { keyring: before, revision } = await loadFrom(store, 'a');
  database.exec('PRAGMA max_page_count = 1');
  const full = Array.from({ length: 8 }).reduce<ReturnType<typeof keyring>>((grown) => rotated(grown), before);
  await t.rejects(store.swap(full, revision), { code: 'store_full' });
  t.same(await loadFrom(store, 'a'), { keyring: before, revision });
  t.equal((await store.getMaterial(a))?.reveal(), MATERIAL_TEXT);
  database.exec('PRAGMA max_page_count = 1000000');
  t.type(await store.swap(full, revision), 'string');
});

t.test('a transaction that fails half way leaves nothing of its first half', async (t) => {
  const { store, database } = await withTwo(t);
  database.exec("CREATE TRIGGER half BEFORE INSERT ON sealed BEGIN SELECT RAISE(ABORT, 'half way'); END");
  const entry = ref('c');
  await t.rejects(store.putMaterial(entry, material()), { code: 'store_unavailable' });
  database.exec('DROP TRIGGER half');
  t.equal(await store.getMaterial(entry), undefined);
  await store.putMaterial(entry, material());
});

t.test('a commit that fails after the row was answered is a failure', async (t) => {
  const { database } = openTestSqlite(t);
  database.exec('CREATE TABLE late (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES late (id) DEFERRABLE INITIALLY DEFERRED)');
  const insert = database.prepare('INSERT INTO late (id, parent) VALUES (1, 7) RETURNING id');
  t.throws(() => insert.first(), { code: 'store_unavailable' });
  t.same(database.prepare('SELECT * FROM late').all(), []);
});

t.test('cursors of nobody are refused, or miss nothing', async (t) => {
  const { store } = await withTwo(t);
  const { cursor } = await store.changes(null);
  for (const forged of ['', 'a', 'a/1', 'a/x/y', 'a/1/y/z'])
    await t.rejects(store.pageMaterial(forged, 10), { code: 'invalid_request' }, forged);
  for (const forged of ['', 'x', 'x.1', cursor.replace(/\d+$/, ''), cursor.replace(/\d+$/, 'x')]) {
    t.same((await store.changes(forged as typeof cursor)).names, ['a', 'b'], forged);
  }
});

t.test('a copy of the files taken while it runs opens, with all that was answered', async (t) => {
  const [dataDir, copy] = [temporaryFolder(t), temporaryFolder(t)];
  const { store } = openTestSqlite(t, { dataDir });
  await createIn(store, keyring('web'));
  for (const file of ['keyturn.db', 'keyturn.db-wal', 'master.key']) copyFileSync(join(dataDir, file), join(copy, file));
  t.equal((await loadFrom(openTestSqlite(t, { dataDir: copy }).store, 'web')).keyring.name, 'web');
});
