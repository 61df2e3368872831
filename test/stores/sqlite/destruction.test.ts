import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { Secret } from '../../../src/core/secret.ts';
import type { MaterialRef } from '../../../src/ports/store.ts';
import type { Database } from '../../../src/stores/sqlite/database.ts';
import { databasePath } from '../../../src/stores/sqlite/database.ts';
import { bytesOf } from '../../../src/stores/sqlite/row.ts';
import { openTestSqlite } from '../../support/sqlite.ts';
import { material, ref } from '../keyrings.ts';

/** Everything on the disk that could hold bytes of the database. */
function filesOf(dataDir: string): Buffer {
  const path = databasePath(dataDir);
  return Buffer.concat([path, `${path}-wal`, `${path}-journal`].filter(existsSync).map((file) => readFileSync(file)));
}

/** The sealed bytes of the entry that was stored last. */
function lastSealed(database: Database): Buffer {
  return Buffer.from(bytesOf(database.prepare('SELECT bytes FROM sealed ORDER BY id DESC LIMIT 1').first() ?? {}, 'bytes'));
}

/** Repeatable numbers from 0 to `below` - 1. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

t.test('after destruction the sealed bytes are in no file, while the service runs', async (t) => {
  const { store, database } = openTestSqlite(t);
  const entry = ref('web');
  await store.putMaterial(entry, material());
  const sealed = lastSealed(database);
  t.ok(filesOf(database.dataDir).includes(sealed), 'they were there');
  await store.destroyMaterial(entry);
  t.notOk(filesOf(database.dataDir).includes(sealed));
});

t.test('destroying again finishes what a crash left undone', async (t) => {
  const { store, database } = openTestSqlite(t);
  const entry = ref('web');
  await store.putMaterial(entry, material());
  const sealed = lastSealed(database);
  // the state between the commit of a destruction and the emptying of the log
  database.exec('UPDATE sealed SET bytes = zeroblob(length(bytes)); UPDATE material SET destroyed_at = 1');
  t.ok(filesOf(database.dataDir).includes(sealed), 'the log has them still');
  await store.destroyMaterial(entry);
  t.notOk(filesOf(database.dataDir).includes(sealed));
});

t.test('none of a thousand destroyed entries leaves a copy in the gaps of a page', async (t) => {
  const { store, database } = openTestSqlite(t);
  database.exec('PRAGMA synchronous = OFF');
  const [pick, live, dead] = [numbers(7), [] as [MaterialRef, Buffer][], [] as Buffer[]];
  for (let index = 0; index < 1500; index++) {
    const entry = ref(`k${pick(300)}`, index + 1);
    await store.putMaterial(entry, new Secret('x'.repeat(32 + pick(60))));
    live.push([entry, lastSealed(database)]);
    const [gone] = index % 3 === 0 ? [] : live.splice(pick(live.length), 1);
    if (gone === undefined) continue;
    await store.destroyMaterial(gone[0]);
    dead.push(gone[1]);
  }
  const files = filesOf(database.dataDir);
  t.equal(dead.length, 1000);
  t.equal(dead.filter((bytes) => files.includes(bytes.subarray(21, 45))).length, 0);
  t.equal(live.filter(([, bytes]) => files.includes(bytes)).length, live.length, 'what lives is there');
});

t.test('an entry destroyed before it was stored cannot be stored by a writer that comes late', async (t) => {
  const { store } = openTestSqlite(t);
  const entry = ref('web');
  await store.destroyMaterial(entry);
  await t.rejects(store.putMaterial(entry, material()), { code: 'material_exists' });
  t.equal(await store.getMaterial(entry), undefined);
});
