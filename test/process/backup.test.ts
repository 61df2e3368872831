import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { keyturnProcess, servedProcess } from '../support/process.ts';
import { temporaryFolder } from '../support/sqlite.ts';

t.test('a backup made while the service runs brings back what was lost, and revives nothing that was revoked', async (t) => {
  const folder = temporaryFolder(t);
  const [dataDir, file, recovery] = ['data', 'all.backup', 'recovery.key'].map((name) => join(folder, name)) as [string, string, string];
  const made = await keyturnProcess(['backup', 'key', '--out', recovery], {});
  t.equal(made.exit, 0, made.err);
  t.match(made.out, /^keyturn-recipient-/);
  t.equal(statSync(recovery).mode & 0o777, 0o600);
  const env = { KEYTURN_DATA_DIR: dataDir, KEYTURN_BACKUP_RECIPIENT: made.out.trim() };

  const service = await servedProcess(t, env);
  const keyturn = async (...args: string[]) => {
    const ran = await keyturnProcess(args, { ...env, KEYTURN_URL: service.url });
    if (ran.exit !== 0) throw new Error(`${args.join(' ')}: ${ran.err}`);
    return ran.out;
  };
  await keyturn('create', 'web');
  await keyturn('create', 'api');
  const { current } = JSON.parse(await keyturn('keys', 'web', '--json'));
  await keyturn('backup', 'make', '--out', file);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.notOk(readFileSync(file).includes(Buffer.from('keyring')), 'it is encrypted');
  t.same(
    readdirSync(dataDir).filter((name) => name.startsWith('.snapshot')),
    [],
    'no plain copy is left',
  );
  await keyturn('rotate', 'web', '--kind', 'emergency', '--reason', 'leaked');
  await t.rejects(keyturn('backup', 'make', '--out', file), /is there already/);

  const restore = (where: string, ...args: string[]) =>
    keyturnProcess(['backup', 'restore', '--in', file, '--recovery-key', recovery, ...args], { ...env, KEYTURN_DATA_DIR: where });
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
  t.match(back.out, /web: is back; version 101, a fresh key, signs/);

  const again = await servedProcess(t, { ...env, KEYTURN_DATA_DIR: empty });
  const token = readFileSync(join(dataDir, 'admin.token'), 'utf8').trim();
  const keys = await keyturnProcess(['keys', 'web', '--json'], { KEYTURN_URL: again.url, KEYTURN_TOKEN: token });
  const answer = JSON.parse(keys.out);
  t.equal(answer.current.version, 101);
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
  const ran = await keyturnProcess(['backup', 'make', '--out', out], { KEYTURN_DATA_DIR: dataDir, KEYTURN_URL: service.url });
  t.match(ran, { exit: 1, err: /keyturn backup key --out recovery\.key/ });
  t.notOk(existsSync(out));
  await service.stop();
  const recovery = join(folder, 'recovery.key');
  await keyturnProcess(['backup', 'key', '--out', recovery], {});
  writeFileSync(out, 'keyturn backup v1\nnot really one, but long enough to have a head of its own');
  const restored = await keyturnProcess(['backup', 'restore', '--in', out, '--recovery-key', recovery], { KEYTURN_DATA_DIR: dataDir });
  t.match(restored, { exit: 1, err: /another recovery key/ });
});

t.test('the master key is changed at the machine, and the service goes on with the new one', async (t) => {
  const dataDir = join(temporaryFolder(t), 'data');
  const env = { KEYTURN_DATA_DIR: dataDir };
  const service = await servedProcess(t, env);
  const ask = (url: string, ...args: string[]) => keyturnProcess(args, { ...env, KEYTURN_URL: url });
  await ask(service.url, 'create', 'web');
  const before = JSON.parse((await ask(service.url, 'keys', 'web', '--json')).out);
  t.match(await keyturnProcess(['rekey'], env), { exit: 1, err: /Another Keyturn process/ });
  await service.stop();
  const old = readFileSync(join(dataDir, 'master.key'), 'utf8');
  const ran = await keyturnProcess(['rekey'], env);
  t.equal(ran.exit, 0, ran.err);
  t.match(ran.out, /The master key is changed; the new one has the id [0-9a-f]{16}/);
  t.not(readFileSync(join(dataDir, 'master.key'), 'utf8'), old);
  const again = await servedProcess(t, env);
  t.same(JSON.parse((await ask(again.url, 'keys', 'web', '--json')).out).current, before.current);
  await again.stop();
  const fromText = await keyturnProcess(['rekey'], {
    ...env,
    KEYTURN_MASTER_KEY: readFileSync(join(dataDir, 'master.key'), 'utf8').trim(),
  });
  t.match(fromText, { exit: 2, err: /KEYTURN_NEW_MASTER_KEY_FILE/ });
  const file = join(dataDir, '..', 'new.key');
  writeFileSync(file, 'ab'.repeat(32), { mode: 0o600 });
  const master = readFileSync(join(dataDir, 'master.key'), 'utf8').trim();
  const outside = await keyturnProcess(['rekey'], { ...env, KEYTURN_MASTER_KEY: master, KEYTURN_NEW_MASTER_KEY_FILE: file });
  t.match(outside, { exit: 0, out: /From now on KEYTURN_MASTER_KEY_FILE must name the new key/ });
  rmSync(join(dataDir, 'master.key'));
  const last = await servedProcess(t, { ...env, KEYTURN_MASTER_KEY_FILE: file });
  t.same(JSON.parse((await ask(last.url, 'keys', 'web', '--json')).out).current, before.current);
});
