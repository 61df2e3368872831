import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openTestSqlite, temporaryFolder } from '../support/sqlite.ts';
import { type Ended, runToEnd, type StartOptions, withoutWarnings } from './keyturn.ts';

/** A start that cannot succeed: what it says must be clear, and no more than that. */
async function refused(t: Test, options: StartOptions, code: number, said: RegExp): Promise<Ended> {
  const ended = await runToEnd(t, options);
  const message = withoutWarnings(ended.stderr);
  t.match(message, /^keyturn: [A-Z/]/);
  t.match(message, said);
  t.equal(ended.code, code);
  t.notMatch(message, /^\s+at /m, 'no stack');
  t.notMatch(message, /inside keyturn itself/);
  t.notMatch(message, /keyturn_[0-9A-Za-z_]{6,}|[0-9a-f]{64}/, 'no secret');
  return ended;
}

/** A data folder with a database in it. */
function usedFolder(t: Test): string {
  const cwd = temporaryFolder(t);
  openTestSqlite(t, { dataDir: join(cwd, 'data') }).close();
  return cwd;
}

t.jobs = 3;

t.test('a folder that cannot be written', async (t) => {
  const cwd = temporaryFolder(t);
  chmodSync(cwd, 0o555);
  t.teardown(() => chmodSync(cwd, 0o755));
  // The superuser may write anywhere: there the program runs as somebody else.
  const uid = process.getuid?.() === 0 ? { uid: 65_534 } : {};
  await refused(t, { cwd, ...uid }, 1, /data cannot be written\. Let the user that runs Keyturn write to this folder\./);
});

t.test('a data folder that is a file', async (t) => {
  const cwd = temporaryFolder(t);
  writeFileSync(join(cwd, 'data'), '');
  await refused(t, { cwd }, 1, /data is no folder, or lies below a file\. Name another data folder\./);
});

t.test('a data folder that is missing is made, with those above it', async (t) => {
  const cwd = temporaryFolder(t);
  const env = { KEYTURN_DATA_DIR: 'not/yet/there', KEYTURN_HOST: '192.0.2.1' };
  await refused(t, { cwd, env }, 2, /Cannot listen on 192\.0\.2\.1, port 0: this machine has no such address\. Check KEYTURN_HOST\./);
  openTestSqlite(t, { dataDir: join(cwd, 'not/yet/there') });
});

t.test('another master key than the data was sealed with', async (t) => {
  const env = { KEYTURN_MASTER_KEY: 'ab'.repeat(32) };
  await refused(
    t,
    { cwd: usedFolder(t), env },
    1,
    /sealed with the master key of id .+; the one given has id .+ Give the key it was sealed with/,
  );
});

t.test('a master key that is missing beside its data is not made anew', async (t) => {
  const cwd = usedFolder(t);
  rmSync(join(cwd, 'data/master.key'));
  await refused(t, { cwd }, 1, /its master key .+master\.key is missing\. Put the file back from a backup/);
});

t.test('a master key that is none', async (t) => {
  const cwd = temporaryFolder(t);
  await refused(t, { cwd, env: { KEYTURN_MASTER_KEY: 'correct horse' } }, 2, /is not a master key: it must be 32 bytes/);
});

t.test('a database that is none', async (t) => {
  const cwd = temporaryFolder(t);
  mkdirSync(join(cwd, 'data'));
  writeFileSync(join(cwd, 'data/keyturn.db'), 'this is no database, and never was one '.repeat(200));
  await refused(t, { cwd }, 1, /The database in .+data is damaged, or is no database\. Stop Keyturn and restore it from a backup\./);
});

t.test('a configuration with many faults lists them all at once', async (t) => {
  const cwd = temporaryFolder(t);
  writeFileSync(
    join(cwd, 'keyturn.yaml'),
    `
host: 127.0.0.1
prot: 9000
log:
  level: loud
keyrings:
  - name: Web
  - name: api
    policy:
      leaseSeconds: 10
      refreshSeconds: 60
`,
  );
  const env = { KEYTURN_PORT: 'eighty', KEYTURN_HOTS: 'x' };
  const { stderr } = await refused(t, { cwd, env }, 2, /The configuration has \d+ faults: correct what is listed and start again\./);
  for (const fault of [
    /prot.+port/,
    /\/log\/level/,
    /\/keyrings\/0\/name/,
    /\/keyrings\/1\/policy\/refreshSeconds/,
    /KEYTURN_PORT/,
    /KEYTURN_HOTS/,
  ])
    t.match(stderr, fault);
});

t.test('a key to import that is missing, for a keyring that has to be made', async (t) => {
  const cwd = temporaryFolder(t);
  writeFileSync(join(cwd, 'keyturn.yaml'), 'keyrings:\n  - name: web\n    importFromEnv: FLASK_SECRET_KEY\n');
  await refused(t, { cwd }, 2, /Keyring web does not exist yet and the key that it is to import is missing\./);
});

t.test('a port that is taken', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' ? String(address?.port) : '';
  const cwd = temporaryFolder(t);
  const said = new RegExp(
    `admin token was made all the same: it is in .+admin\\.token[^]+Cannot listen on 127\\.0\\.0\\.1, port ${port}: something listens there already.+KEYTURN_PORT`,
  );
  await refused(t, { cwd, env: { KEYTURN_PORT: port } }, 2, said);
  openTestSqlite(t, { dataDir: join(cwd, 'data') });
});
