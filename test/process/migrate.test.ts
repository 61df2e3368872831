import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../support/sqlite.ts';
import { keyturnProcess, servedProcess } from './machine.ts';

t.test('a data folder moves to another one: the same keys and tokens there, and no service on the old one', async (t) => {
  const folder = temporaryFolder(t);
  const [old, fresh] = [join(folder, 'old'), join(folder, 'new')];
  const file = (name: string, dataDir: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `dataDir: ${dataDir}\n`);
    return path;
  };
  const move = ['migrate', '--from', file('old.yaml', old), '--to', file('new.yaml', fresh)];
  t.match(await keyturnProcess(t, move, {}), { exit: 2, err: /There is no data in .*old/ });

  const service = await servedProcess(t, { KEYTURN_DATA_DIR: old });
  await service.call('/v1/keyrings', { name: 'web' });
  const before = await service.call('/v1/keyrings/web/keys');
  const token = readFileSync(join(old, 'admin.token'), 'utf8').trim();
  t.match(await keyturnProcess(t, move, {}), { exit: 1, err: /Another Keyturn process/ });
  await service.stop();

  // what the environment says of the service is not said of the stores
  const moved = await keyturnProcess(t, [...move, '--json'], { KEYTURN_DATA_DIR: old });
  t.equal(moved.exit, 0, moved.err);
  t.match(JSON.parse(moved.out), { to: `the data folder ${fresh}`, moved: { keyrings: 1, keys: 1, tokens: 1 } });
  t.match(await keyturnProcess(t, ['serve'], { KEYTURN_DATA_DIR: old }), { exit: 2, err: /was moved to the data folder .*new/ });

  const again = await servedProcess(t, { KEYTURN_DATA_DIR: fresh });
  const after = await again.call('/v1/keyrings/web/keys', undefined, token);
  t.same(after.current, before.current);
  t.not(after.revision, before.revision, 'a copy has a revision of its own');
  const { items } = await again.call('/v1/audit?order=oldest', undefined, token);
  t.match(items[0], { action: 'store.migrate', keyring: 'web', versions: [1], reason: `from the data folder ${old}` });
  t.notOk(items.some(({ reason }: { reason: string | null }) => reason === 'recovered'));
  await again.stop();

  t.match(
    await keyturnProcess(t, ['audit', 'verify', '--data-dir', old], {}),
    { exit: 0 },
    'the old log is an archive that can be verified',
  );
});
