import t from 'tap';
import { globCovers, globMatches, isGlob, MAX_GLOB_LENGTH } from '../../src/access/glob.ts';
import fc from '../support/fast-check.ts';

/** The definition, in exponential time. */
function model(glob: string, text: string): boolean {
  const [symbol] = glob;
  if (symbol === undefined) return text === '';
  if (symbol === '*') return model(glob.slice(1), text) || (text !== '' && model(glob, text.slice(1)));
  return text !== '' && (symbol === '?' || symbol === text[0]) && model(glob.slice(1), text.slice(1));
}

const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 9 });

for (const [pattern, text, expected] of [
  ['*', 'shop', true],
  ['shop', 'shop', true],
  ['shop', 'shops', false],
  ['shop-*', 'shop-web', true],
  ['shop-*', 'shop-', true],
  ['shop-*', 'shop', false],
  ['shop-?', 'shop-1', true],
  ['shop-?', 'shop-12', false],
  ['*-web', 'a-web-web', true],
  ['a.b', 'axb', false],
] as const) {
  t.test(`${pattern} ${expected ? 'matches' : 'does not match'} ${text}`, async (t) => t.equal(globMatches(pattern, text), expected));
}

t.test('matching agrees with its definition', async (t) => {
  fc.assert(
    fc.property(glob, name, (pattern, text) => globMatches(pattern, text) === model(pattern, text)),
    { numRuns: 5_000 },
  );
  t.pass();
});

t.test('a glob that covers another matches all that the other matches', async (t) => {
  fc.assert(
    fc.property(glob, glob, name, (outer, inner, text) => !globCovers(outer, inner) || !model(inner, text) || model(outer, text)),
    { numRuns: 5_000 },
  );
  t.ok(globCovers('*', 'shop-*') && globCovers('shop-*', 'shop-web') && globCovers('shop-*', 'shop-*') && globCovers('a?', 'a?'));
  t.notOk(globCovers('shop-*', '*') || globCovers('a?', 'a*') || globCovers('a', 'a?') || globCovers('shop-web', 'shop-*'));
});

t.test('the worst glob costs no more than text × glob steps', async (t) => {
  const worst = `${'*a'.repeat(31)}*b`;
  const from = process.hrtime.bigint();
  for (let i = 0; i < 1_000; i++) globMatches(worst, 'a'.repeat(63));
  t.ok(Number(process.hrtime.bigint() - from) / 1e9 < 1, 'a thousand of them within a second');
});

t.test('a glob has 1 to 64 characters of names and wildcards', async (t) => {
  for (const good of ['*', 'a', 'a-b_c.d?*', '*'.repeat(MAX_GLOB_LENGTH)]) t.ok(isGlob(good), good);
  for (const bad of ['', 'A', 'a b', '[a]', '{a,b}', 'a\n', '*'.repeat(MAX_GLOB_LENGTH + 1)]) t.notOk(isGlob(bad), bad);
});
