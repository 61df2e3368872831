import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../support/sqlite.ts';
import { keyturnProcess, servedProcess } from './machine.ts';

t.test('a backup made while the service runs brings back what was lost, and revives nothing that was revoked', async (t) => {
  const folder = temporaryFolder(t);
  const [dataDir, file, recovery] = ['data', 'all.backup', 'recovery.key'].map((name) => join(folder, name)) as [string, string, string];
  const made = await keyturnProcess(t, ['backup', 'key', '--out', recovery], {});
  t.equal(made.exit, 0, made.err);
  t.match(made.out, /^keyturn-recipient-/);
  t.equal(statSync(recovery).mode & 0o777, 0o600);
  const env = { KEYTURN_DATA_DIR: dataDir, KEYTURN_BACKUP_RECIPIENT: made.out.trim() };

  const service = await servedProcess(t, env);
  for (const name of ['web', 'api']) await service.call('/v1/keyrings', { name });
  const { current } = await service.call('/v1/keyrings/web/keys');
  const make = () => keyturnProcess(t, ['backup', 'make', '--out', file], { ...env, KEYTURN_URL: service.url });
  t.match(await make(), { exit: 0, out: /Only the recovery key opens it/ });
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.notOk(readFileSync(file).includes(Buffer.from('keyring')), 'it is encrypted');
  t.same(
    readdirSync(dataDir).filter((name) => name.startsWith('.snapshot')),
    [],
    'no plain copy is left',
  );
  await service.call('/v1/keyrings/web/rotate', { kind: 'emergency', reason: 'leaked' });
  t.match(await make(), { exit: 2, err: /is there already/ });
  t.match((await service.call('/v1/audit?action=backup.make&outcome=done&order=oldest&limit=1')).items, [
    { principal: { name: 'bootstrap' } },
  ]);

  const restore = (where: string, ...args: string[]) =>
    keyturnProcess(t, ['backup', 'restore', '--in', file, '--recovery-key', recovery, ...args], { ...env, KEYTURN_DATA_DIR: where });
  t.match(await restore(dataDir), { exit: 1, err: /Another Keyturn process/ }, 'not while the service runs');
  await service.stop();

  const same = await restore(dataDir, '--json');
  t.equal(same.exit, 0, same.err);
  t.match(
    JSON.parse(same.out).keyrings,
    [
      { name: 'api', outcome: 'kept' },
      { name: 'web', outcome: 'kept', filled: [] },
    ],
    'the old backup changes nothing',
  );

  const empty = join(folder, 'empty');
  t.match(await restore(empty), { exit: 2, err: /nothing tells which of their keys were revoked/ });
  t.match(await restore(empty), { exit: 2 }, 'and a second try is not taken for a folder that can tell');
  const back = await restore(empty, '--nothing-was-revoked', '--keep-tokens');
  t.equal(back.exit, 0, back.err);
  t.match(back.out, /web: is back; version 1\d\d, a fresh key, signs/);
  const version = Number(/web: is back; version (\d+)/.exec(back.out)?.[1]);

  const again = await servedProcess(t, { ...env, KEYTURN_DATA_DIR: empty });
  const token = readFileSync(join(dataDir, 'admin.token'), 'utf8').trim();
  const answer = await again.call('/v1/keyrings/web/keys', undefined, token);
  t.equal(answer.current.version, version);
  t.same(
    answer.previous.map(({ key }: { key: string }) => key),
    [current.key],
    'what the old key signed goes on verifying',
  );
  await again.stop();

  const strict = join(folder, 'strict');
  const cut = await restore(strict, '--revoke-all', '--json');
  t.equal(cut.exit, 0, cut.err);
  t.match(JSON.parse(cut.out), {
    tokens: 0,
    keyrings: [
      { outcome: 'reinstated', ended: [1] },
      { outcome: 'reinstated', ended: [1] },
    ],
  });
});

t.test('without a recipient, or with another recovery key, there is no backup', async (t) => {
  const folder = temporaryFolder(t);
  const dataDir = join(folder, 'data');
  const service = await servedProcess(t, { KEYTURN_DATA_DIR: dataDir });
  const out = join(folder, 'all.backup');
  const ran = await keyturnProcess(t, ['backup', 'make', '--out', out], { KEYTURN_DATA_DIR: dataDir, KEYTURN_URL: service.url });
  t.match(ran, { exit: 1, err: /keyturn backup key --out recovery\.key/ });
  t.notOk(existsSync(out));
  await service.stop();
  const recovery = join(folder, 'recovery.key');
  await keyturnProcess(t, ['backup', 'key', '--out', recovery], {});
  writeFileSync(out, 'keyturn backup v1\nnot really one, but long enough to have a head of its own');
  const restored = await keyturnProcess(t, ['backup', 'restore', '--in', out, '--recovery-key', recovery], { KEYTURN_DATA_DIR: dataDir });
  t.match(restored, { exit: 1, err: /another recovery key/ });
});

t.test('a backup that is not there is said so, before anything is made', async (t) => {
  const folder = temporaryFolder(t);
  const recovery = join(folder, 'rec.key');
  await keyturnProcess(t, ['backup', 'key', '--out', recovery], {});
  const env = { KEYTURN_DATA_DIR: join(folder, 'data') };
  for (const [file, said] of [
    [join(folder, 'nofile'), /nofile cannot be read\. Check its path/],
    [folder, /is a folder/],
  ] as const) {
    const ran = await keyturnProcess(t, ['backup', 'restore', '--in', file, '--recovery-key', recovery], env);
    t.match([ran.exit, ran.err], [2, said]);
  }
  t.notOk(existsSync(join(folder, 'data')));
});
