import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { Secret } from '../../src/core/secret.ts';
import { masterKeyPath, obtainMasterKey, parseMasterKey } from '../../src/stores/master-key.ts';
import { openTestSqlite, storeRandom, temporaryFolder } from '../support/sqlite.ts';
import { material, ref } from './keyrings.ts';

const HEX = '9f'.repeat(32);
const OTHER = '7c'.repeat(32);
const text = (given: string) => ({ from: 'text', text: new Secret(given) }) as const;
const inFolder = { from: 'data-folder' } as const;

t.test('a key is taken as hex or base64, with white space around it', async (t) => {
  const { id } = parseMasterKey(new Secret(HEX), 'It');
  const bytes = Buffer.from(HEX, 'hex');
  for (const same of [HEX.toUpperCase(), `${HEX}\n`, ` ${HEX} `, bytes.toString('base64'), bytes.toString('base64url')]) {
    t.equal(parseMasterKey(new Secret(same), 'It').id, id, same);
  }
  t.not(parseMasterKey(new Secret(OTHER), 'It').id, id);
});

t.test('anything else is refused with what is wanted, and is not repeated', async (t) => {
  for (const wrong of ['', 'secret-key', HEX.slice(1), `${HEX}00`, `${HEX.slice(1)}g`, Buffer.alloc(31, 7).toString('base64')]) {
    const refused = t.throws(() => parseMasterKey(new Secret(wrong), 'KEYTURN_MASTER_KEY'), { code: 'invalid_config', message: /64 hex/ });
    if (wrong !== '' && refused instanceof Error) t.notOk(refused.message.includes(wrong));
  }
});

t.test('the first start makes a key that only its owner reads, and the next start takes it', async (t) => {
  const dataDir = temporaryFolder(t);
  const place = { dataDir, established: false };
  const made = obtainMasterKey(inFolder, place, storeRandom);
  t.equal(statSync(masterKeyPath(dataDir)).mode & 0o777, 0o600);
  t.match(readFileSync(masterKeyPath(dataDir), 'utf8'), /^[0-9a-f]{64}\n$/);
  t.same(readdirSync(dataDir), ['master.key'], 'no draft is left');
  t.equal(obtainMasterKey(inFolder, place, storeRandom).id, made.id);
  t.equal(obtainMasterKey(inFolder, { dataDir, established: true }, storeRandom).id, made.id);
});

t.test('the draft of a start that crashed does not stand in the way', async (t) => {
  const dataDir = temporaryFolder(t);
  writeFileSync(`${masterKeyPath(dataDir)}.new`, HEX.slice(7));
  obtainMasterKey(inFolder, { dataDir, established: false }, storeRandom);
  t.same(readdirSync(dataDir), ['master.key']);
});

t.test('a key file in the data folder that others may read is refused with the command that helps', async (t) => {
  const dataDir = temporaryFolder(t);
  const path = masterKeyPath(dataDir);
  writeFileSync(path, HEX);
  for (const mode of [0o640, 0o604, 0o620, 0o601]) {
    chmodSync(path, mode);
    t.throws(() => obtainMasterKey(inFolder, { dataDir, established: true }, storeRandom), {
      code: 'invalid_config',
      message: `chmod 600 ${path}`,
    });
  }
  for (const mode of [0o600, 0o400]) {
    chmodSync(path, mode);
    t.equal(obtainMasterKey(inFolder, { dataDir, established: true }, storeRandom).id.length, 16);
  }
});

t.test('a data folder whose key file is gone is refused, and no new key is made beside it', async (t) => {
  const first = openTestSqlite(t);
  const { dataDir } = first.database;
  first.close();
  const key = readFileSync(masterKeyPath(dataDir), 'utf8');
  rmSync(masterKeyPath(dataDir));
  t.throws(() => openTestSqlite(t, { dataDir }), { code: 'wrong_master_key', message: /is missing. Put the file back/ });
  t.notOk(existsSync(masterKeyPath(dataDir)));
  openTestSqlite(t, { dataDir, masterKey: text(key) });
});

t.test('another key than the one of the data is refused at the start, and the right one still opens', async (t) => {
  const first = openTestSqlite(t, { masterKey: text(HEX) });
  const { dataDir } = first.database;
  const entry = ref('web');
  await first.store.putMaterial(entry, material());
  t.notOk(existsSync(masterKeyPath(dataDir)), 'a key that was given is not written down');
  first.close();
  const refused = t.throws(() => openTestSqlite(t, { dataDir, masterKey: text(OTHER) }), { code: 'wrong_master_key' });
  if (refused instanceof Error) t.notOk(refused.message.includes(OTHER));
  t.throws(() => openTestSqlite(t, { dataDir }), { code: 'wrong_master_key' }, 'nor is one made');
  const again = openTestSqlite(t, { dataDir, masterKey: text(Buffer.from(HEX, 'hex').toString('base64')) });
  t.equal((await again.store.getMaterial(entry))?.reveal(), material().reveal());
});

t.test('a first start that failed for its key can be done again', async (t) => {
  const dataDir = temporaryFolder(t);
  t.throws(() => openTestSqlite(t, { dataDir, masterKey: text('nonsense') }), { code: 'invalid_config' });
  openTestSqlite(t, { dataDir });
  t.ok(existsSync(masterKeyPath(dataDir)));
});
