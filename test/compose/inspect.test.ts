import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { mintToken } from '../../src/access/token-format.ts';
import { inspectMachine } from '../../src/compose/inspect.ts';
import { readFromDisk } from '../../src/config/files.ts';
import { DAY } from '../../src/core/time.ts';
import { openTestSqlite, storeRandom, temporaryFolder } from '../support/sqlite.ts';

const NOW = Date.parse('2026-11-24T12:00:00.000Z');
const inspect = (cwd: string, env = {}) => inspectMachine({ env, cwd, read: readFromDisk }, NOW);

t.test('where neither data folder nor configuration is, there is nothing to see', async (t) => {
  t.equal(inspect(temporaryFolder(t)), null);
});

t.test(
  'a data folder is seen while the service has it open: modes, master key, the id of the admin token and nothing more of it',
  async (t) => {
    const folder = temporaryFolder(t);
    const dataDir = join(folder, 'data');
    mkdirSync(dataDir, { mode: 0o700 });
    openTestSqlite(t, { dataDir });
    const token = mintToken(storeRandom);
    writeFileSync(join(dataDir, 'admin.token'), `${token.text.reveal()}\n`, { mode: 0o600 });
    chmodSync(join(dataDir, 'master.key'), 0o640);
    chmodSync(dataDir, 0o755);
    const seen = inspect(folder);
    t.match(seen, { faults: [], dataDir, adminTokenId: token.id, settings: { host: '127.0.0.1', hasMasterKey: false, hasTls: false } });
    t.same(
      seen?.files.filter(({ mode }) => (mode & 0o077) !== 0),
      [
        { path: dataDir, isFolder: true, mode: 0o755 },
        { path: join(dataDir, 'master.key'), isFolder: false, mode: 0o640 },
      ],
    );
    t.ok(seen?.files.some(({ path }) => path.endsWith('keyturn.db')));
    t.ok((seen?.masterKeyWrittenAt ?? 0) > NOW - 3650 * DAY);
    t.notMatch(JSON.stringify(seen), token.text.reveal().slice(21));
    writeFileSync(join(dataDir, 'admin.token'), 'something else');
    t.equal(inspect(folder)?.adminTokenId, '');
  },
);

t.test('a configuration is seen with its faults, or with its certificate and the proxies it believes', async (t) => {
  const folder = temporaryFolder(t);
  const configure = (yaml: string): void => writeFileSync(join(folder, 'keyturn.yaml'), yaml);
  for (const file of ['cert.pem', 'key.pem']) copyFileSync(join('test/cli/tls', file), join(folder, file));
  chmodSync(join(folder, 'key.pem'), 0o600);
  configure('prot: 1\n');
  t.match(inspect(folder), { faults: [{ path: '/prot' }], settings: null, dataDir: join(folder, 'data'), files: [], adminTokenId: null });
  configure('tls: { certFile: cert.pem, keyFile: key.pem }\ntrustProxy: ["10.0.0.1"]\n');
  t.match(inspect(folder)?.settings, { hasTls: true, trustsProxies: 'some', certificateUntil: Date.parse('2126-10-31T05:13:07.000Z') });
  writeFileSync(join(folder, 'cert.pem'), 'no certificate');
  configure('tls: { certFile: cert.pem, keyFile: key.pem }\ntrustProxy: true\n');
  t.match(inspect(folder, { KEYTURN_MASTER_KEY: 'a'.repeat(64) })?.settings, {
    certificateUntil: null,
    trustsProxies: 'all',
    hasMasterKey: true,
    hasBackupRecipient: false,
  });
});

t.test('a data folder that this user may not enter is not looked into, whatever the configuration says', async (t) => {
  const folder = temporaryFolder(t);
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir, { mode: 0o700 });
  openTestSqlite(t, { dataDir });
  writeFileSync(join(folder, 'keyturn.yaml'), 'host: 127.0.0.1\n');
  chmodSync(folder, 0o755);
  chmodSync(dataDir, 0o000);
  const isRoot = process.geteuid?.() === 0;
  // the superuser may enter anywhere
  if (isRoot) process.seteuid?.(65_534);
  try {
    t.equal(inspect(folder), null);
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(dataDir, 0o700);
  }
});
