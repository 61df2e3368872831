import t from 'tap';
import { load, refusal } from './fixture.ts';

const URL = 'postgres://keyturn:hunter2@db/keyturn';
const KEY = 'ab'.repeat(32);
const yaml = 'store: {kind: postgres, postgres: {urlFile: url, schema: keys, poolSize: 4, caFile: ca.pem}}\nmasterKey: {file: key}';
const files = { url: `${URL}\n`, key: KEY };

t.test('the URL comes from a file, and the rest from the config file', async (t) => {
  const { store } = load(yaml, {}, files);
  t.match(store, { kind: 'postgres', schema: 'keys', poolSize: 4, caFile: '/srv/ca.pem' });
  t.equal(store.kind === 'postgres' && store.url.reveal(), URL);
});

t.test('the environment is enough, and the rest has its defaults', async (t) => {
  const { store } = load('', { KEYTURN_STORE: 'postgres', KEYTURN_POSTGRES_URL: URL, KEYTURN_MASTER_KEY: KEY });
  t.match(store, { kind: 'postgres', schema: 'keyturn', poolSize: 10, caFile: null });
  t.equal(store.kind === 'postgres' && store.url.reveal(), URL);
  t.match(load('', { KEYTURN_STORE: 'postgres', KEYTURN_POSTGRES_URL_FILE: 'url', KEYTURN_MASTER_KEY: KEY }, files).store, store);
});

t.test('without URL or master key it does not start', async (t) => {
  t.match(refusal('store: {kind: postgres}').faults, [
    /^\/store\/postgres\/urlFile .*KEYTURN_POSTGRES_URL/,
    /^\/masterKey\/file .*one master key/,
  ]);
});

t.test('a URL that others can read, or that is given twice, is refused, and none is shown', async (t) => {
  const open = refusal(yaml, {}, { ...files, url: [URL, 0o644] });
  t.match(open.faults, [/^\/store\/postgres\/urlFile .*others can read/]);
  const twice = refusal(yaml, { KEYTURN_POSTGRES_URL: URL, KEYTURN_POSTGRES_URL_FILE: 'url' }, files);
  t.match(twice.faults, [/^KEYTURN_POSTGRES_URL is given together/]);
  const inline = refusal(`store: {kind: postgres, postgres: {url: "${URL}"}}`, { KEYTURN_MASTER_KEY: KEY });
  t.match(
    inline.faults.join('\n'),
    /\/store\/postgres\/url is not a setting, did you mean urlFile|\/store\/postgres\/url is not a setting/,
  );
  for (const { shown } of [open, twice, inline]) t.notOk(shown.includes('hunter2'));
});

t.test('the URL is not looked for while another store is in use', async (t) => {
  t.same(load('store: {postgres: {urlFile: absent}}').store, { kind: 'sqlite' });
});

t.test('names and sizes have their bounds', async (t) => {
  for (const wrong of ['schema: "a b"', 'schema: Keys', 'schema: 1a', 'poolSize: 1', 'poolSize: 101']) {
    t.equal(refusal(`store: {postgres: {${wrong}}}`).faults.length, 1, wrong);
  }
});
