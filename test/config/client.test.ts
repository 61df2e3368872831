import { inspect } from 'node:util';
import t from 'tap';
import { loadClientSettings } from '../../src/config/client.ts';
import { surroundings } from './fixture.ts';

const settings = (env = {}, files = {}) => loadClientSettings(surroundings(files, env));

t.test('without variables the client talks to this machine, with the admin token of the data folder where there is one', async (t) => {
  t.same(settings(), { url: 'http://127.0.0.1:8460', token: null, caFile: null });
  t.equal(settings({}, { 'data/admin.token': 'first\n' }).token?.reveal(), 'first');
  t.equal(settings({ KEYTURN_DATA_DIR: 'd' }, { 'd/admin.token': 'other\n' }).token?.reveal(), 'other');
});

t.test('a token in a variable goes before one in a file, and that before the admin token', async (t) => {
  const files = { 'data/admin.token': 'admin', mine: 'mine' };
  t.equal(settings({ KEYTURN_TOKEN_FILE: 'mine' }, files).token?.reveal(), 'mine');
  t.equal(settings({ KEYTURN_TOKEN_FILE: 'mine', KEYTURN_TOKEN: 'given ' }, files).token?.reveal(), 'given');
});

t.test('a URL loses its last slash, a CA file becomes absolute', async (t) => {
  t.match(settings({ KEYTURN_URL: 'https://keys.example/', KEYTURN_CA_FILE: 'ca.pem' }), {
    url: 'https://keys.example',
    caFile: '/srv/ca.pem',
  });
});

for (const [what, env, files, path] of [
  ['a URL of another kind', { KEYTURN_URL: 'ftp://x' }, {}, 'KEYTURN_URL'],
  ['no URL at all', { KEYTURN_URL: 'keys' }, {}, 'KEYTURN_URL'],
  ['a password in the URL', { KEYTURN_URL: 'http://me:hush@x' }, {}, 'KEYTURN_URL'],
  ['a query in the URL', { KEYTURN_URL: 'http://x?hush' }, {}, 'KEYTURN_URL'],
  ['a token file that is not there', { KEYTURN_TOKEN_FILE: 'none' }, {}, 'KEYTURN_TOKEN_FILE'],
  ['a token file that others can read', { KEYTURN_TOKEN_FILE: 'open' }, { open: ['hush', 0o644] }, 'KEYTURN_TOKEN_FILE'],
  ['an admin token that others can read', {}, { 'data/admin.token': ['hush', 0o604] }, 'admin.token'],
] as const) {
  t.test(`${what} is refused and not quoted`, async (t) => {
    try {
      settings(env, files);
      t.fail('it was taken');
    } catch (error) {
      t.match(error, { code: 'invalid_config', faults: [{ path }] });
      t.notMatch(inspect(error), 'hush');
    }
  });
}
