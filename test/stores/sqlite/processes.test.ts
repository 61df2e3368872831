import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { MaterialNonce } from '../../../src/core/version.ts';
import { openTestSqlite, temporaryFolder } from '../../support/sqlite.ts';
import { createIn, keyring, loadFrom, MATERIAL_TEXT, ref } from '../keyrings.ts';

/** Another process on a data folder, and what it said first: `open`, or the code of its refusal. */
async function startHolder(t: Test, ...args: string[]): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'holder.ts'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const [said] = await once(child.stdout, 'data');
  return { child, said: String(said).trim() };
}

t.test('a second process on the same data folder is refused, and the first goes on', async (t) => {
  const dataDir = temporaryFolder(t);
  const { store } = openTestSqlite(t, { dataDir });
  await createIn(store, keyring('web'));
  t.equal((await startHolder(t, dataDir)).said, 'store_locked');
  await createIn(store, keyring('api'));
  t.equal((await loadFrom(store, 'web')).keyring.name, 'web');
});

t.test('a second opening by the same process is refused, and takes no lock away from the first', async (t) => {
  const dataDir = temporaryFolder(t);
  openTestSqlite(t, { dataDir });
  t.throws(() => openTestSqlite(t, { dataDir }), { code: 'store_locked', message: `Another Keyturn process uses ${dataDir}` });
  t.equal((await startHolder(t, dataDir)).said, 'store_locked');
});

t.test('a process that only reads what is there already holds the folder too', async (t) => {
  const dataDir = temporaryFolder(t);
  openTestSqlite(t, { dataDir }).close();
  openTestSqlite(t, { dataDir });
  t.equal((await startHolder(t, dataDir)).said, 'store_locked');
});

t.test('kill -9 gives the folder free, and what had been answered is there', async (t) => {
  const dataDir = temporaryFolder(t);
  const { child, said } = await startHolder(t, dataDir, 'web');
  t.equal(said, 'open');
  t.throws(() => openTestSqlite(t, { dataDir }), { code: 'store_locked' });
  child.kill('SIGKILL');
  await once(child, 'exit');
  const { store } = openTestSqlite(t, { dataDir });
  t.equal((await loadFrom(store, 'web')).keyring.name, 'web');
  t.equal((await store.getMaterial(ref('web', 1, '0123456789abcdef' as MaterialNonce)))?.reveal(), MATERIAL_TEXT);
});

t.test('of two processes that start at once on an empty folder one gets it', async (t) => {
  const dataDir = temporaryFolder(t);
  const both = await Promise.all([startHolder(t, dataDir), startHolder(t, dataDir)]);
  t.same(both.map(({ said }) => said).sort(), ['open', 'store_locked']);
});
