import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { DEFAULT_POLICY } from '../../src/core/policy.ts';
import { load, NOW, refusal, surroundings } from './fixture.ts';

const KEY = 'c0ffee00'.repeat(4) + '0123456789abcdef'.repeat(2);
const HASH = 'ab'.repeat(32);

t.test('with no file and no variables everything has its default', async (t) => {
  const settings = loadConfig(surroundings(), NOW);
  t.match(settings, { host: '127.0.0.1', port: 8460, dataDir: '/srv/data', store: { kind: 'sqlite' }, masterKey: null, tls: null });
  t.match(settings, { trustProxy: false, keyrings: [], tokens: [], limits: { maxWaitSeconds: 300 } });
  t.same(settings.defaults, DEFAULT_POLICY);
  t.same(load(''), settings, 'an empty file is as good as none');
});

t.test('a file that KEYTURN_CONFIG names must be there', async (t) => {
  t.same(refusal('', { KEYTURN_CONFIG: 'my.yaml' }).faults, ['KEYTURN_CONFIG names a file that cannot be read: there is no such file']);
  t.equal(loadConfig(surroundings({ 'my.yaml': 'port: 1' }, { KEYTURN_CONFIG: 'my.yaml' }), NOW).port, 1);
});

t.test('a file is read, and the environment goes over it', async (t) => {
  const yaml = 'port: 1\nhost: 0.0.0.0\nlimits: {maxWaitSeconds: 2m, bodyBytes: 2048}\nshutdown: {graceSeconds: 90s}';
  const env = { KEYTURN_PORT: '2', KEYTURN_MAX_WAIT_SECONDS: '30s', KEYTURN_TRUST_PROXY: '10.0.0.0/8, ::1', KEYTURN_DOCS_ENABLED: 'false' };
  t.match(load(yaml, env), {
    port: 2,
    host: '0.0.0.0',
    limits: { maxWaitSeconds: 30, bodyBytes: 2048 },
    shutdown: { graceSeconds: 90 },
    trustProxy: ['10.0.0.0/8', '::1'],
    docs: { enabled: false },
  });
});

t.test('every fault is listed at once, each with its place and what to do', async (t) => {
  const yaml = `
port: 70000
hots: x
log: {level: loud}
limits: {maxWaitSeconds: 6m, failedAuthPerMinute: 1.5}
trustProxy: [10.0.0.0/33]
tls: {certFile: a.pem}
sweep: {cron: "0 0 31 2 *"}
keyrings:
  - {name: Shop}
  - {name: shop, policy: {leaseSeconds: 60, refreshSeconds: 45}}
  - {name: shop, importFromFile: x, importFromEnv: Y}
  - {nmae: shop}
tokens:
  - {id: short, name: a, hash: ${HASH}, roles: [app, boss]}
  - {id: abcdefghijkl, name: a, hash: ${HASH}, roles: [app], expiresAt: 2026-02-30T00:00:00Z, keyrings: []}
`;
  const env = { KEYTURN_PORT: 'http', KEYTURN_PROT: '1', KEYTURN_HOST: '' };
  const places = refusal(yaml, env).faults.map((line) => line.split(' ')[0]);
  t.same(
    new Set(places),
    new Set([
      'KEYTURN_PORT',
      'KEYTURN_PROT',
      'KEYTURN_HOST',
      '/port',
      '/hots',
      '/log/level',
      '/limits/maxWaitSeconds',
      '/limits/failedAuthPerMinute',
      '/trustProxy',
      '/tls/keyFile',
      '/sweep/cron',
      '/keyrings/0/name',
      '/keyrings/1/policy/refreshSeconds',
      '/keyrings/2',
      '/keyrings/2/name',
      '/keyrings/3/nmae',
      '/keyrings/3/name',
      '/tokens/0/id',
      '/tokens/0/roles/1',
      '/tokens/1/expiresAt',
      '/tokens/1/keyrings',
    ]),
  );
});

for (const [what, yaml, env, fault] of [
  ['a mistyped field', 'hots: x', {}, '/hots is not a setting (did you mean host?)'],
  ['a mistyped variable', '', { KEYTURN_DATADIR: 'x' }, 'KEYTURN_DATADIR is not a variable of Keyturn (did you mean KEYTURN_DATA_DIR?)'],
  ['an empty variable', '', { KEYTURN_PORT: '' }, 'KEYTURN_PORT is empty: give it a value or unset it'],
  ['a number where a text is due', 'host: 1', {}, '/host must be an IP address or a host name to listen on'],
  ['a section without fields', 'limits:', {}, '/limits must be a mapping of fields'],
  ['a list where a mapping is due', 'log: [info]', {}, '/log must be a mapping of fields'],
  ['a field given twice', 'port: 1\nport: 2', {}, 'keyturn.yaml:2 this field is given twice'],
  ['a list at the top', '- port', {}, 'keyturn.yaml must be a mapping of settings at its top level'],
  ['a text at the top', 'port', {}, 'keyturn.yaml must be a mapping of settings at its top level'],
  ['two documents', 'port: 1\n---\nport: 2', {}, 'keyturn.yaml:2 a second document begins: keep one'],
  ['a tab', 'log:\n\tlevel: info', {}, 'keyturn.yaml:2 is indented with a tab: use spaces'],
  ['an alias', 'log: &a {level: info}\nsweep: *a', {}, 'keyturn.yaml:2 aliases (words that begin with *) are not understood here'],
  ['an unknown tag', 'port: !!js 1', {}, 'keyturn.yaml:1 tags (words that begin with !) are not understood here'],
  ['a polluting field', '__proto__: {port: 1}', {}, '/__proto__ is not a setting'],
  [
    'more held requests than connections',
    'limits: {heldRequests: 500, connections: 500}',
    {},
    '/limits/heldRequests must be less than limits.connections (500): a held request keeps its connection',
  ],
  ['half of TLS by variable', '', { KEYTURN_TLS_CERT_FILE: 'cert' }, '/tls/keyFile is missing'],
  [
    'both kinds of master key',
    '',
    { KEYTURN_MASTER_KEY: 'a', KEYTURN_MASTER_KEY_FILE: 'b' },
    'KEYTURN_MASTER_KEY is given together with KEYTURN_MASTER_KEY_FILE: keep one',
  ],
] as const) {
  t.test(`${what} is said in so many words`, async (t) => t.same(refusal(yaml, env).faults, [fault]));
}

t.test('a bomb of aliases is refused before it unfolds', async (t) => {
  const lines = ['a0: &a0 [x, x]', ...Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`)];
  t.match(refusal(lines.join('\n')).faults[0], /aliases/);
  t.match(refusal(`port: ${'['.repeat(100_000)}`).faults[0], /keyturn\.yaml/);
});

t.test('variables of the command line and of other programs are no faults', async (t) => {
  const env = { KEYTURN_URL: 'http://x', KEYTURN_TOKEN: 'x', KEYTURN_TOKEN_FILE: 'x', KEYTURN_CA_FILE: 'x', PATH: '', HOME: '/root' };
  t.equal(load('', env).port, 8460);
});

t.test('a keyring has the defaults of the file under its own policy, in seconds', async (t) => {
  const yaml = `
defaults: {leaseSeconds: 12h, schedule: {cron: "0 4 * * 1", timeZone: Europe/Berlin}}
keyrings:
  - {name: a}
  - {name: b, policy: {tokenLifetimeSeconds: 7d, schedule: null, keyEncoding: base64url, keyBytes: 64}}
  - {name: c, policy: {schedule: {cron: "0 4 1 * *"}}}
`;
  const { defaults, keyrings } = load(yaml);
  const expected = { ...DEFAULT_POLICY, leaseSeconds: 43_200, schedule: { cron: '0 4 * * 1', timeZone: 'Europe/Berlin' } };
  t.same(defaults, expected);
  t.same(keyrings, [
    { name: 'a', policy: expected, imported: null },
    {
      name: 'b',
      policy: { ...expected, tokenLifetimeSeconds: 604_800, schedule: null, keyEncoding: 'base64url', keyBytes: 64 },
      imported: null,
    },
    { name: 'c', policy: { ...expected, schedule: { cron: '0 4 1 * *', timeZone: 'UTC' } }, imported: null },
  ]);
});

t.test('a policy that cannot hold is refused where it stands, by the broken inequality', async (t) => {
  const faults = refusal(
    'defaults: {schedule: {cron: "0 * * * *"}}\nkeyrings: [{name: a}, {name: b, policy: {schedule: {cron: "x"}}}]',
  ).faults;
  t.match(faults, [
    /^\/defaults\/schedule\/cron time between slots > lease/,
    /^\/keyrings\/1\/policy\/schedule\/cron must have five fields/,
  ]);
  t.equal(faults.length, 2, 'a keyring without a policy of its own repeats nothing');
});

t.test('keys are imported from closed files and from variables of any name', async (t) => {
  const yaml = 'keyrings: [{name: a, importFromFile: key}, {name: b, importFromEnv: KEYTURN_IMPORT_B}]';
  const { keyrings } = load(yaml, { KEYTURN_IMPORT_B: `${KEY}b0` }, { key: `${KEY}\n` });
  t.same(
    keyrings.map(({ imported }) => imported?.key?.reveal()),
    [KEY, `${KEY}b0`],
  );
});

t.test('the source of an imported key may be gone once the keyring exists', async (t) => {
  const { keyrings } = load('keyrings: [{name: a, importFromFile: key}, {name: b, importFromEnv: NOT_SET}]');
  t.same(
    keyrings.map(({ imported }) => imported),
    [
      { from: 'importFromFile', key: null },
      { from: 'importFromEnv', key: null },
    ],
  );
});

t.test('a weak or open key to import is refused without being shown', async (t) => {
  const yaml = 'keyrings: [{name: a, importFromFile: weak}, {name: b, importFromFile: open}, {name: c, importFromEnv: EMPTY}]';
  const { faults, shown } = refusal(yaml, { EMPTY: '' }, { weak: 'hunter2', open: [KEY, 0o644] });
  t.match(faults, [
    /^\/keyrings\/0\/importFromFile .*32 are needed/,
    /^\/keyrings\/1\/importFromFile .*others can read/,
    /^\/keyrings\/2\/importFromEnv .*empty/,
  ]);
  t.notMatch(shown, /hunter2|c0ffee/);
});

t.test('a master key comes from a variable, else from a file, and is never shown', async (t) => {
  const yaml = 'masterKey: {file: master}';
  const files = { master: `${KEY}\n`, other: 'other' };
  t.equal(load(yaml, {}, files).masterKey?.reveal(), KEY);
  t.equal(load(yaml, { KEYTURN_MASTER_KEY_FILE: 'other' }, files).masterKey?.reveal(), 'other');
  t.equal(load(yaml, { KEYTURN_MASTER_KEY: 'mine' }, files).masterKey?.reveal(), 'mine');
  t.notMatch(JSON.stringify(load(yaml, {}, files)), KEY);
});

for (const mode of [0o604, 0o620, 0o610, 0o602, 0o777]) {
  t.test(`a master key file of mode ${mode.toString(8)} is refused`, async (t) => {
    t.match(refusal('masterKey: {file: master}', {}, { master: [KEY, mode] }).faults, [
      /^\/masterKey\/file names a file that others can read/,
    ]);
  });
}

t.test('a master key file that is missing or empty is refused at the place that named it', async (t) => {
  t.match(refusal('masterKey: {file: none}').faults, [/^\/masterKey\/file .*no such file/]);
  t.match(refusal('', { KEYTURN_MASTER_KEY_FILE: 'empty' }, { empty: '\n' }).faults, [/^KEYTURN_MASTER_KEY_FILE names an empty file/]);
});

t.test('the files of TLS are tried at start: the key must be closed', async (t) => {
  const yaml = 'tls: {certFile: cert, keyFile: key}';
  t.same(load(yaml, {}, { cert: ['x', 0o644], key: 'y' }).tls, { certFile: '/srv/cert', keyFile: '/srv/key' });
  t.match(refusal(yaml, {}, { key: ['y', 0o644] }).faults, [/^\/tls\/certFile .*no such file/, /^\/tls\/keyFile .*others can read/]);
});

t.test('tokens of the file are ready for use', async (t) => {
  const yaml = `tokens:
  - {id: abcdefghijkl, name: shop, hash: ${HASH}, roles: [app], keyrings: [shop-*], expiresAt: "2027-01-31T00:00:00+01:00"}
  - {id: 0bcdefghijkl, name: all, hash: ${HASH}, roles: [admin, app]}`;
  t.same(load(yaml).tokens, [
    { id: 'abcdefghijkl', name: 'shop', hash: HASH, roles: ['app'], keyrings: ['shop-*'], expiresAt: Date.parse('2027-01-30T23:00:00Z') },
    { id: '0bcdefghijkl', name: 'all', hash: HASH, roles: ['admin', 'app'], keyrings: ['*'], expiresAt: null },
  ]);
  t.match(refusal(yaml.replace('0bcd', 'abcd')).faults, ['/tokens/1/id is the same as /tokens/0/id: each may be declared once']);
});

t.test('half of the connections may be held, unless it is said', async (t) => {
  t.match(load('').limits, { heldRequests: 30_000, connections: 60_000 });
  t.match(load('limits: {connections: 1000}').limits, { heldRequests: 500, connections: 1_000 });
  t.match(load('limits: {heldRequests: 20000}').limits, { heldRequests: 20_000, connections: 60_000 });
});
