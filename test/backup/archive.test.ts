import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { pack, unpack } from '../../src/backup/archive.ts';
import { seededRandom } from '../support/random.ts';
import { temporaryFolder } from '../support/sqlite.ts';

const random = seededRandom('archive');
const ABOUT = { madeAt: '2026-03-01T03:00:00.000Z', masterKeyId: '0123456789abcdef' };

async function packed(folder: string, names: readonly string[]): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of pack({ folder, names, ...ABOUT })) parts.push(part);
  return Buffer.concat(parts);
}

async function* dripped(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function folders(t: Parameters<typeof temporaryFolder>[0]) {
  const [from, to] = [join(temporaryFolder(t), 'from'), join(temporaryFolder(t), 'to')];
  for (const folder of [from, to]) mkdirSync(folder);
  return { from, to };
}

t.test('files come back as they were, for their owner alone, whatever pieces they arrive in', async (t) => {
  const contents = { 'keyturn.db': random.bytes(200_000), 'master.key': Buffer.from('x\n'), 'empty.db': Buffer.alloc(0) };
  const { from } = folders(t);
  for (const [name, bytes] of Object.entries(contents)) writeFileSync(join(from, name), bytes);
  const archive = await packed(from, Object.keys(contents));
  for (const size of [7, 1_000, 65_536, 10_000_000]) {
    const { to } = folders(t);
    const manifest = await unpack(dripped(archive, size), to);
    t.match(manifest, ABOUT);
    for (const [name, bytes] of Object.entries(contents)) t.ok(readFileSync(join(to, name)).equals(bytes), `${name} in pieces of ${size}`);
    t.equal(statSync(join(to, 'keyturn.db')).mode & 0o777, 0o600);
  }
});

t.test('a backup that is not whole, or names a path, is refused', async (t) => {
  const { from } = folders(t);
  writeFileSync(join(from, 'keyturn.db'), random.bytes(1_000));
  const archive = await packed(from, ['keyturn.db']);
  const changed = Buffer.from(archive);
  changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;
  const text = (manifest: object) => Buffer.from(`${JSON.stringify(manifest)}\n`);
  const file = { name: '../evil', size: 0, sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' };
  const bad = {
    'cut short': archive.subarray(0, -1),
    changed,
    empty: Buffer.alloc(0),
    'no manifest': Buffer.from('hello\n'),
    'an endless first line': Buffer.alloc(40_000, 'x'),
    'a path out of the folder': text({ format: 1, ...ABOUT, files: [file] }),
    'a newer format': text({ format: 2, ...ABOUT, files: [] }),
  };
  for (const [what, bytes] of Object.entries(bad)) {
    const { to } = folders(t);
    await t.rejects(unpack(dripped(bytes, 4_096), to), { code: 'corrupt_backup' }, what);
    t.same(readdirSync(join(to, '..')), ['to'], 'nothing outside');
  }
});
