import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { root } from '../process/keyturn.ts';

const text = readFileSync(join(root, 'docs/threat-model.md'), 'utf8');
const CITATION = /`(test\/[^`]+\.test\.ts)`: "([^"]+)"/g;
const cited = [...text.matchAll(CITATION)].map(([, file = '', title = '']) => ({ file, title }));

t.test('every test that the threat model names exists, under that very title', async (t) => {
  t.ok(cited.length > 40);
  const missing = cited.filter(({ file, title }) => {
    const path = join(root, file);
    return !existsSync(path) || !readFileSync(path, 'utf8').includes(`'${title}'`);
  });
  t.same(missing, []);
});

t.test('every claim that something cannot be done names a test', async (t) => {
  const claims = text
    .slice(0, text.indexOf('## Not protected'))
    .split('\n')
    .filter((line) => line.startsWith('- '));
  t.same(
    claims.filter((line) => !new RegExp(CITATION.source).test(line)),
    [],
  );
});
