import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import t from 'tap';
import { isTokenId, mintToken, parseToken, TOKEN_PATTERN } from '../../src/access/token-format.ts';
import { systemRandom } from '../../src/random.ts';
import fc from '../support/fast-check.ts';
import { seededRandom } from '../support/random.ts';

t.test('a minted token has the documented form, and parses to its id and the hash of its whole text', async (t) => {
  for (let i = 0; i < 200; i++) {
    const { id, hash, text } = mintToken(systemRandom);
    const token = text.reveal();
    t.match(token, new RegExp(`^${TOKEN_PATTERN}$`));
    t.ok(isTokenId(id));
    t.equal(hash, createHash('sha256').update(token).digest('hex'));
    t.match(parseToken(token), { id, digest: Buffer.from(hash, 'hex') });
  }
});

t.test('the form never changes: tokens are in use for years', async (t) => {
  const { text } = mintToken(seededRandom('golden'));
  t.equal(text.reveal(), 'keyturn_3rQC4nrcLvfE_vcpDMuxtiUc6th0LQ8byaDBDq5h17zWc72l9WUAWRBf_332gRS');
});

t.test('all 256 bits of the secret are in the token', async (t) => {
  const [ones, zeros] = [0xff, 0].map((byte) => mintToken({ ...systemRandom, bytes: (count) => Buffer.alloc(count, byte) }).text.reveal());
  t.equal(zeros?.slice(21, 64), '0'.repeat(43));
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  const value = [...(ones?.slice(21, 64) ?? '')].reduce((sum, digit) => sum * 62n + BigInt(digits.indexOf(digit)), 0n);
  t.equal(value, 2n ** 256n - 1n);
});

t.test('a token does not show itself when it is logged', async (t) => {
  const minted = mintToken(systemRandom);
  t.notMatch(`${inspect(minted)}${JSON.stringify(minted)}`, minted.text.reveal());
});

t.test('every truncation and every single mistyped character is told from a token', async (t) => {
  const token = mintToken(seededRandom('typo')).text.reveal();
  for (let length = 0; length < token.length; length++) t.equal(parseToken(token.slice(0, length)), null);
  for (let at = 0; at < token.length; at++) {
    const wrong = token[at] === 'x' ? 'y' : 'x';
    if (parseToken(token.slice(0, at) + wrong + token.slice(at + 1)) !== null) t.fail(`a wrong character at ${at} went unseen`);
  }
  for (const around of [` ${token}`, `${token} `, `${token}\n`, `Bearer ${token}`, token + token]) t.equal(parseToken(around), null);
});

t.test('no text makes parsing throw, and none but a token parses', async (t) => {
  const near = fc.stringMatching(new RegExp(`^${TOKEN_PATTERN}$`));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), near), (text) => parseToken(text) === null),
    { numRuns: 2_000 },
  );
  t.pass();
});
