import { createHash, randomBytes } from 'node:crypto';
import t from 'tap';
import { builtInKeys } from '../../src/strength/known-keys.ts';

const known = builtInKeys();

t.test('published defaults and examples are known, however they are written', async (t) => {
  const keys = [
    [
      'dev',
      'secret',
      'changeme',
      'CHANGEME',
      ' changeme\n',
      '"changeme"',
      'you-will-never-guess',
      'hard to guess string',
      'super secret key',
    ],
    [
      '192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf',
      '192B9BDD22AB9ED4D12E236C78AFCB9A393EC15F71BBF5DC987D54727823BCBF',
    ],
    ['A0Zr98j/3yX R~XHH!jmN]LWX/,?RT', '5791628bb0b13ce0c676dfde280ba245', 'my super secret key for flask app', 'keyboard cat', 'shhhhh'],
    [
      'CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET',
      'thisISaSECRET_1234',
      '\\2\\1thisismyscretkey\\1\\2\\e\\y\\y\\h',
      '\x02\x01thisismyscretkey\x01\x02eyyh',
    ],
    ['your-256-bit-secret', 'a-string-secret-at-least-256-bits-long', '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7'],
    [
      'super-secret-jwt-token-with-at-least-32-characters-long',
      'ThisTokenIsNotSoSecretChangeIt',
      'SomeRandomString',
      'SW2YcwTIb9zpOOhoPsMm',
    ],
  ].flat();
  for (const key of keys) t.ok(known.has(key), key);
});

t.test('the digest of a known key is known: it looks random and is not', async (t) => {
  for (const algorithm of ['md5', 'sha1', 'sha256']) {
    const digest = createHash(algorithm).update('secret');
    t.ok(known.has(digest.copy().digest('hex')), algorithm);
    t.ok(known.has(digest.digest('base64')), algorithm);
  }
});

t.test('nobody knows a fresh key', async (t) => {
  const unknown = Array.from({ length: 1_000 }, () => randomBytes(32).toString('hex')).filter((key) => !known.has(key));
  t.equal(unknown.length, 1_000);
});

t.test('the list is as long as it claims', async (t) => t.ok(known.size > 3_000, String(known.size)));
