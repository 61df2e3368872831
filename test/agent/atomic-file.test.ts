import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { writeAtomically } from '../../src/agent/atomic-file.ts';
import { temporaryFolder } from '../support/sqlite.ts';

const nobody = { user: null, group: null };

t.test('a reader at the same time sees the old text or the new one, whole', async (t) => {
  const path = join(temporaryFolder(t), 'keys');
  const texts = ['a'.repeat(200_000), 'b'.repeat(100_000)];
  await writeAtomically({ path, mode: 0o600, owner: nobody }, texts[0] ?? '');
  const seen = new Set<string>();
  let isWriting = true;
  const write = async (): Promise<void> => {
    for (let count = 0; count < 40; count++) await writeAtomically({ path, mode: 0o600, owner: nobody }, texts[count % 2] ?? '');
    isWriting = false;
  };
  const read = async (): Promise<void> => {
    while (isWriting) seen.add(await readFile(path, 'utf8'));
  };
  await Promise.all([write(), read(), read()]);
  t.same(
    [...seen].filter((text) => !texts.includes(text)),
    [],
    'nothing in between',
  );
  t.equal(seen.size, 2);
});

t.test('mode and group are as asked whatever was there before, and nothing is left beside', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'keys');
  writeFileSync(path, 'open to all', { mode: 0o666 });
  const group = process.getgid?.() ?? 0;
  await writeAtomically({ path, mode: 0o640, owner: { user: null, group } }, 'secret');
  t.equal((statSync(path).mode & 0o777).toString(8), '640');
  t.equal(statSync(path).gid, group);
  t.equal(readFileSync(path, 'utf8'), 'secret');
  t.same(readdirSync(folder), ['keys']);
});

t.test('where it cannot be replaced the old one stays, and nothing is left beside', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'keys');
  writeFileSync(join(folder, 'file'), '');
  await t.rejects(writeAtomically({ path: join(folder, 'file', 'keys'), mode: 0o600, owner: nobody }, 'secret'), { code: 'ENOTDIR' });
  await writeAtomically({ path, mode: 0o600, owner: nobody }, 'old');
  if (process.getuid?.() !== 0) await t.rejects(writeAtomically({ path, mode: 0o600, owner: { user: 0, group: null } }, 'new'));
  t.equal(readFileSync(path, 'utf8'), 'old');
  t.same(readdirSync(folder).sort(), ['file', 'keys']);
});
