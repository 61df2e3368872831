import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { GOLDEN, helpTexts } from './help-texts.ts';
import { keyturn } from './keyturn.ts';

t.test('the help of every command is the one that the golden files hold (npx node test/cli/write-help.ts)', async (t) => {
  const texts = await helpTexts();
  t.same(readdirSync(GOLDEN).sort(), [...texts.keys()].sort());
  for (const [file, text] of texts) t.equal(text, readFileSync(new URL(file, GOLDEN), 'utf8'), file);
});

t.test('every command that does something has examples', async (t) => {
  for (const [file, text] of await helpTexts()) {
    const isGroup = /^Commands:/m.test(text) && file !== 'keyturn.txt';
    if (!isGroup) t.match(text, /^Examples:\n(?: {2}[#$] .*\n)+/m, file);
  }
});

t.test('help and version exit with 0 on standard output, no command at all with 2 on standard error', async (t) => {
  const version = await keyturn(['--version']);
  t.same([version.exit, version.out], [0, '0.0.0-test\n']);
  const help = await keyturn(['help', 'rotate']);
  t.match([help.exit, help.out], [0, /^Usage: keyturn rotate /]);
  const nothing = await keyturn([]);
  t.match([nothing.exit, nothing.out, nothing.err], [2, /^$/, /^Usage: keyturn /]);
});

t.test('a wrong command line exits with 2, says what is wrong and sends nothing', async (t) => {
  const lines: [string[], RegExp][] = [
    [['crate', 'web'], /unknown command 'crate'\n\(Did you mean create\?\)/],
    [['rotate', 'web'], /required option '--reason <text>' not specified/],
    [['rotate', 'web', '--reason', 'x', '--kind', 'fast'], /Allowed choices are scheduled, immediate, emergency/],
    [['show', '../etc'], /A keyring name is 1 to 63/],
    [['create', 'web', '--lease', '24'], /90s, 15m, 24h, 31d or 2w/],
    [['revoke', 'web', '0', '--reason', 'x'], /whole number from 1 on/],
    [['keys', 'web', '--env', '--json'], /cannot be used with/],
    [['keys', 'web', '--instance', 'a\r\nb'], /Write 1 to 128/],
    [['token', 'new', 'x'], /required option '--role <role...>' not specified/],
  ];
  for (const [argv, said] of lines) {
    const { exit, out, err, seen } = await keyturn(argv);
    t.match([exit, out, seen.length, err], [2, /^$/, 0, said], argv.join(' '));
  }
});

t.test('a secret typed where none belongs is not repeated', async (t) => {
  for (const argv of [
    ['create', 'web', '--key=hunter2'],
    ['strength', 'hunter2'],
    ['token', 'revoke', 'keyturn_hunter2'],
  ]) {
    const { exit, err } = await keyturn(argv);
    t.equal(exit, 2);
    t.notMatch(err, 'hunter2', argv.join(' '));
  }
});
