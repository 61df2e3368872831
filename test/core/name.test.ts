import t from 'tap';
import { isKeyringName, parseKeyringName } from '../../src/core/name.ts';

t.test('a name is what every store takes in a path without escaping', async (t) => {
  for (const good of ['a', '0', 'shop', 'shop.web_1-eu', 'a..b', 'constructor', 'a'.repeat(63)]) t.equal(parseKeyringName(good), good);
});

t.test('any other text is refused and not quoted', async (t) => {
  const bad = [
    '',
    ' ',
    '.',
    '..',
    '.a',
    '-a',
    '_a',
    'A',
    'Shop',
    'a b',
    'a/b',
    'a\\b',
    'a%2fb',
    'a\n',
    '\na',
    'a\0',
    'ä',
    '__proto__',
    'a'.repeat(64),
  ];
  for (const text of bad) {
    t.notOk(isKeyringName(text), JSON.stringify(text));
    t.throws(() => parseKeyringName(text), { code: 'invalid_request', message: /^A keyring name is 1 to 63 characters/ });
  }
});
