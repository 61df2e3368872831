import { readFileSync } from 'node:fs';
import t from 'tap';
import Type from 'typebox';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigFile } from '../../src/config/schema.ts';
import { VARIABLES } from '../../src/config/variables.ts';
import { load, NOW, surroundings } from './fixture.ts';

const example = readFileSync(new URL('../../keyturn.example.yaml', import.meta.url), 'utf8');

t.test('the example file says every default as it is', async (t) => {
  t.same(load(example), loadConfig(surroundings(), NOW));
});

t.test('what the example file has in comments is valid too', async (t) => {
  const settings = example
    .replace(/^(keyrings|tokens): \[\]$/gm, '$1:')
    .replace(/^# ((?:masterKey|tls|backup|strength):| {2}(?:file|certFile|keyFile|recipient|wordlistFile):)/gm, '$1')
    .replace(/^#( {2})/gm, '$1');
  const open = { text: 'x', mode: 0o100600 };
  const key = { text: 'c0ffee00'.repeat(4) + '0123456789abcdef'.repeat(2), mode: 0o100600 };
  const read = (path: string) => (path.endsWith('.yaml') ? { ...open, text: settings } : key);
  const loaded = loadConfig({ env: {}, cwd: '/srv', read }, NOW);
  t.match(loaded, { keyrings: { length: 2 }, tokens: { length: 1 }, tls: { certFile: '/etc/keyturn/tls.crt' } });
  t.ok(loaded.masterKey);
});

t.test('the example file names every setting and every variable', async (t) => {
  for (const setting of namesOf(ConfigFile)) t.match(example, new RegExp(`\\b${setting}:`));
  for (const { name } of VARIABLES) t.match(example, `[${name}]`);
});

function namesOf(schema: Type.TSchema): string[] {
  if (Type.IsArray(schema)) return namesOf(schema.items);
  if (Type.IsUnion(schema)) return schema.anyOf.flatMap(namesOf);
  return Type.IsObject(schema) ? Object.entries(schema.properties).flatMap(([name, inner]) => [name, ...namesOf(inner)]) : [];
}
