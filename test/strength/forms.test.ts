import t from 'tap';
import { formsOf, literalOf, unescaped } from '../../src/strength/forms.ts';

t.test('escapes of Python, JavaScript and C are resolved', async (t) => {
  const table: readonly (readonly [text: string, plain: string])[] = [
    ['a\\x41b', 'aAb'],
    ['\\u00e9', 'é'],
    ['\\U0001F600', '😀'],
    ['\\UFFFFFFFF', '\\UFFFFFFFF'],
    ['\\2\\1key', '\x02\x01key'],
    ['\\n\\t\\\\', '\n\t\\'],
    ['\\e', 'e'],
    ['ends in \\', 'ends in \\'],
  ];
  for (const [text, plain] of table) t.equal(unescaped(text), plain, text);
});

t.test('Python literals of every kind are read; other texts are none', async (t) => {
  const table: readonly (readonly [text: string, value: string | null])[] = [
    [`'dev'`, 'dev'],
    [`"dev"`, 'dev'],
    [`b'\\x41'`, 'A'],
    [`r'\\x41'`, '\\x41'],
    [`u"it's"`, `it's`],
    [`'''a'b'''`, `a'b`],
    [`''`, ''],
    ['dev', null],
    [`'dev"`, null],
    [`'`, null],
  ];
  for (const [text, value] of table) t.equal(literalOf(text), value, text);
});

t.test('a key is looked for in every form, each once', async (t) => {
  t.same(formsOf(' CHANGEME\n'), ['changeme']);
  t.same(formsOf(`"Dev"`), [`"dev"`, 'dev']);
  t.same(formsOf('a\\x42'), ['a\\x42', 'ab']);
  t.same(formsOf('  '), []);
});
