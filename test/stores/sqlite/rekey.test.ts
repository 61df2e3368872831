import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { Secret } from '../../../src/core/secret.ts';
import type { MaterialRef } from '../../../src/ports/store.ts';
import { masterKeyPath, nextMasterKeyPath, readMasterKey, writeNewMasterKey } from '../../../src/stores/master-key.ts';
import { MasterKey } from '../../../src/stores/sealing.ts';
import { databasePath } from '../../../src/stores/sqlite/database.ts';
import { readMark } from '../../../src/stores/sqlite/marks.ts';
import { rekey } from '../../../src/stores/sqlite/rekey.ts';
import { bytesOf } from '../../../src/stores/sqlite/row.ts';
import type { Sqlite } from '../../../src/stores/sqlite/sqlite.ts';
import { openTestSqlite, storeRandom, temporaryFolder } from '../../support/sqlite.ts';
import { ref } from '../keyrings.ts';

const ENTRIES = 1_203;
const textOf = (index: number) => `material of entry ${index} `.padEnd(64, 'x');

/** A data folder with three batches of material, one entry destroyed. */
async function filled(t: Tap): Promise<{ dataDir: string; sqlite: Sqlite; refs: MaterialRef[] }> {
  const dataDir = temporaryFolder(t);
  const sqlite = openTestSqlite(t, { dataDir });
  sqlite.database.exec('PRAGMA synchronous = OFF');
  const refs = Array.from({ length: ENTRIES }, (_, index) => ref(`k${index % 7}`, index + 1));
  for (const [index, entry] of refs.entries()) await sqlite.store.putMaterial(entry, new Secret(textOf(index)));
  await sqlite.store.destroyMaterial(refs[0] ?? ref('none'));
  return { dataDir, sqlite, refs };
}

type Tap = Parameters<typeof temporaryFolder>[0];

async function allReadable({ store }: Sqlite, refs: readonly MaterialRef[]): Promise<boolean> {
  const texts = await Promise.all(refs.map(async (entry) => (await store.getMaterial(entry))?.reveal()));
  return texts.every((text, index) => text === (index === 0 ? undefined : textOf(index)));
}

const fileKey = (path: string): MasterKey => {
  const key = readMasterKey(path);
  if (key === undefined) throw new Error(`no key in ${path}`);
  return key;
};

const sealedIn = ({ database }: Sqlite) =>
  database
    .prepare('SELECT bytes FROM sealed')
    .all()
    .map((row) => Buffer.from(bytesOf(row, 'bytes')));

t.test('every entry opens under the new key, none under the old, and nothing that the old one sealed is left in a file', async (t) => {
  const { dataDir, sqlite, refs } = await filled(t);
  const old = sealedIn(sqlite).filter((bytes) => bytes.some((byte) => byte !== 0));
  const from = fileKey(masterKeyPath(dataDir));
  const to = writeNewMasterKey(nextMasterKeyPath(dataDir), storeRandom);
  t.same(rekey(sqlite.database, { from, to, random: storeRandom }), { resealed: ENTRIES - 1, unreadable: 0 });
  const file = readFileSync(databasePath(dataDir));
  t.equal(old.filter((bytes) => file.includes(bytes)).length, 0, 'the old bytes are overwritten');
  sqlite.close();

  const again = openTestSqlite(t, { dataDir });
  t.equal(fileKey(masterKeyPath(dataDir)).id, to.id, 'the waiting key has taken its place');
  t.notOk(existsSync(nextMasterKeyPath(dataDir)));
  t.ok(await allReadable(again, refs));
  t.same(await again.fingerprints.find(new Secret(textOf(0))), [refs[0]], 'a key that was destroyed is still recognised');
  again.close();
  const text = new Secret('ab'.repeat(32));
  t.throws(() => openTestSqlite(t, { dataDir, masterKey: { from: 'text', text } }), { code: 'wrong_master_key' });
});

for (const stop of [1, 2, 3]) {
  t.test(`a change that ended after batch ${stop} is finished at the next opening`, async (t) => {
    const { dataDir, sqlite, refs } = await filled(t);
    const from = fileKey(masterKeyPath(dataDir));
    const to = writeNewMasterKey(nextMasterKeyPath(dataDir), storeRandom);
    let batches = 0;
    const progress = () => {
      if (++batches === stop) throw new Error('killed');
    };
    t.throws(() => rekey(sqlite.database, { from, to, random: storeRandom, progress }), { message: 'killed' });
    sqlite.close();
    const again = openTestSqlite(t, { dataDir });
    t.ok(await allReadable(again, refs));
    t.equal(readMark(again.database, 'master_key_id'), to.id);
    t.equal(readMark(again.database, 'rekey_to'), null);
    t.notOk(existsSync(nextMasterKeyPath(dataDir)));
  });
}

t.test('a new key that was written and not used yet is harmless', async (t) => {
  const { dataDir, sqlite, refs } = await filled(t);
  sqlite.close();
  writeNewMasterKey(nextMasterKeyPath(dataDir), storeRandom);
  t.ok(await allReadable(openTestSqlite(t, { dataDir }), refs));
});

t.test('a change to a third key is refused while one is under way', async (t) => {
  const { dataDir, sqlite } = await filled(t);
  const from = fileKey(masterKeyPath(dataDir));
  const [second, third] = [1, 2].map((byte) => new MasterKey(Buffer.alloc(32, byte)));
  const killed = () => {
    throw new Error('killed');
  };
  t.throws(() => rekey(sqlite.database, { from, to: second as MasterKey, random: storeRandom, progress: killed }), { message: 'killed' });
  t.throws(() => rekey(sqlite.database, { from, to: third as MasterKey, random: storeRandom }), { code: 'conflict' });
  sqlite.close();
  t.throws(
    () => openTestSqlite(t, { dataDir }),
    { code: 'wrong_master_key', message: /Run keyturn rekey again/ },
    'nobody serves half of it',
  );
});

t.test('an entry that was damaged before is left as it is and counted; the others go on', async (t) => {
  const { dataDir, sqlite, refs } = await filled(t);
  const from = fileKey(masterKeyPath(dataDir));
  sqlite.database.exec('UPDATE sealed SET bytes = randomblob(length(bytes)) WHERE id = 5');
  const to = new MasterKey(Buffer.alloc(32, 9));
  t.same(rekey(sqlite.database, { from, to, random: storeRandom }), { resealed: ENTRIES - 2, unreadable: 1 });
  sqlite.close();
  const text = new Secret('09'.repeat(32));
  const again = openTestSqlite(t, { dataDir, masterKey: { from: 'text', text } });
  await t.rejects(again.store.getMaterial(refs[4] ?? ref('none')), { code: 'corrupt_material' });
  t.equal((await again.store.getMaterial(refs[5] ?? ref('none')))?.reveal(), textOf(5));
});
