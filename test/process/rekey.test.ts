import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../support/sqlite.ts';
import { keyturnProcess, servedProcess } from './machine.ts';

t.test('the master key is changed at the machine, and the service goes on with the new one', async (t) => {
  const dataDir = join(temporaryFolder(t), 'data');
  const env = { KEYTURN_DATA_DIR: dataDir };
  const service = await servedProcess(t, env);
  await service.call('/v1/keyrings', { name: 'web' });
  const before = await service.call('/v1/keyrings/web/keys');
  t.match(await keyturnProcess(t, ['rekey'], env), { exit: 1, err: /Another Keyturn process/ });
  await service.stop();
  const old = readFileSync(join(dataDir, 'master.key'), 'utf8');
  const ran = await keyturnProcess(t, ['rekey'], env);
  t.equal(ran.exit, 0, ran.err);
  t.match(ran.out, /The master key is changed; the new one has the id [0-9a-f]{16}/);
  t.not(readFileSync(join(dataDir, 'master.key'), 'utf8'), old);
  const again = await servedProcess(t, env);
  t.same((await again.call('/v1/keyrings/web/keys')).current, before.current);
  t.match((await again.call('/v1/audit?action=masterkey.rotate&order=oldest')).items, [
    { reason: /^begun: from the key of id/ },
    { reason: /is in force; 1 sealed anew, 0 unreadable/ },
  ]);
  await again.stop();
  const fromText = await keyturnProcess(t, ['rekey'], {
    ...env,
    KEYTURN_MASTER_KEY: readFileSync(join(dataDir, 'master.key'), 'utf8').trim(),
  });
  t.match(fromText, { exit: 2, err: /KEYTURN_NEW_MASTER_KEY_FILE/ });
  const file = join(dataDir, '..', 'new.key');
  writeFileSync(file, 'ab'.repeat(32), { mode: 0o600 });
  const master = readFileSync(join(dataDir, 'master.key'), 'utf8').trim();
  const outside = await keyturnProcess(t, ['rekey'], { ...env, KEYTURN_MASTER_KEY: master, KEYTURN_NEW_MASTER_KEY_FILE: file });
  t.match(outside, { exit: 0, out: /From now on KEYTURN_MASTER_KEY_FILE must name the new key/ });
  rmSync(join(dataDir, 'master.key'));
  const last = await servedProcess(t, { ...env, KEYTURN_MASTER_KEY_FILE: file });
  t.same((await last.call('/v1/keyrings/web/keys')).current, before.current);
});

t.test('where there is no data nothing is made', async (t) => {
  const dataDir = join(temporaryFolder(t), 'nowhere');
  const ran = await keyturnProcess(t, ['rekey'], { KEYTURN_DATA_DIR: dataDir });
  t.match(ran, { err: /There is no data in .*nowhere/ });
  t.not(ran.exit, 0);
  t.notOk(existsSync(dataDir));
});
