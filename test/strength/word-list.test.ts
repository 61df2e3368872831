import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readWordList } from '../../src/strength/word-list.ts';
import { temporaryFolder } from '../support/sqlite.ts';

function listOf(t: Parameters<typeof temporaryFolder>[0], text: string): string {
  const path = join(temporaryFolder(t), 'words.txt');
  writeFileSync(path, text);
  return path;
}

t.test('bare words and quoted Python literals are read, with any line end', async (t) => {
  const known = await readWordList(listOf(t, `bare word\r\n'quoted'\n"dq\\x41"\nb'bytes'\n\n  \nnot 'closed\nlast`));
  for (const key of ['bare word', 'BARE WORD', 'quoted', "'quoted'", 'dqA', 'dq\\x41', 'bytes', "not 'closed", 'last'])
    t.ok(known.has(key), key);
  for (const key of ['', 'quote', 'b', 'other']) t.notOk(known.has(key), key);
});

t.test('lines longer than a key can be are passed over, and what follows is read', async (t) => {
  const known = await readWordList(listOf(t, `one\n${'x'.repeat(300_000)}\ntwo\n`));
  t.ok(known.has('one') && known.has('two'));
  t.notOk(known.has('x'.repeat(300_000)));
  t.equal(known.size, 2);
});

t.test('a list that is too long, missing or closed is a fault of the configuration that names no path', async (t) => {
  await t.rejects(readWordList(listOf(t, 'a\nb\nc\n'), 2), { code: 'invalid_config', message: /more than 2 words/ });
  await t.rejects(readWordList('/nowhere/secret-name'), { code: 'invalid_config', message: /^(?!.*secret-name).*cannot be read/ });
  const closed = listOf(t, 'a');
  chmodSync(closed, 0o000);
  if (process.getuid?.() !== 0) await t.rejects(readWordList(closed), { code: 'invalid_config' });
});

t.test('fifty thousand words take less than a megabyte of text and a second of time', async (t) => {
  const words = Array.from({ length: 50_000 }, (_, index) => `'word number ${index}'`).join('\n');
  const known = await readWordList(listOf(t, words));
  t.ok(known.has('word number 49999'));
  t.equal(known.size, 100_000);
});
