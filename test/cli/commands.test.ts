import { stripVTControlCharacters } from 'node:util';
import t from 'tap';
import { KeyturnError } from '../../src/core/errors.ts';
import { problem } from '../support/api-server.ts';
import { act, FRESH, historyItem, KEY_1, KEY_2, KEY_3, ROTATION, WEB, WEB_KEYS } from './fixtures.ts';
import { keyturn, TOKEN_TEXT } from './keyturn.ts';

t.test('create makes a keyring with the defaults, says so in words and names the next command', async (t) => {
  const { exit, out, err, seen } = await keyturn(['create', 'web'], { 'POST /v1/keyrings': { status: 201, body: FRESH } });
  t.same([exit, err, seen[0]?.body], [0, '', { name: 'web' }]);
  t.equal(seen[0]?.headers.authorization, `Bearer ${TOKEN_TEXT}`);
  t.equal(
    out,
    `Keyring web is made. Its version 1 signs from now on.

  rotates        by cron "0 3 1 * *" (UTC)
  next rotation  2026-12-01 03:00:00 UTC (in 7 days)
  new key        is published 1 day 30 s before it signs
  old key        goes on verifying for 32 days 30 s after it is replaced
  tokens         live 31 days at most
  instances      ask every 1 min and may go on unheard for 1 day
  new keys       32 random bytes, written in hex

Next, rotate it without logging anyone out:
  npx keyturn rotate web --reason "first try"
`,
  );
});

t.test('create sends the policy that its options say', async (t) => {
  const options =
    '--time-zone Europe/Berlin --token-lifetime 31d --lease 12h --refresh 60s --skew 0s --key-bytes 48 --key-encoding base64url';
  const { exit, seen } = await keyturn(['create', 'web', '--cron', '0 4 * * SUN', ...options.split(' '), '--reason', 'shop'], {
    'POST /v1/keyrings': { status: 201, body: FRESH },
  });
  t.equal(exit, 0);
  t.same(seen[0]?.body, {
    name: 'web',
    reason: 'shop',
    policy: {
      schedule: { cron: '0 4 * * SUN', timeZone: 'Europe/Berlin' },
      tokenLifetimeSeconds: 2_678_400,
      leaseSeconds: 43_200,
      refreshSeconds: 60,
      skewSeconds: 0,
      keyBytes: 48,
      keyEncoding: 'base64url',
    },
  });
});

t.test('create --no-schedule asks for rotations on request only, and does not go with --cron', async (t) => {
  const routes = { 'POST /v1/keyrings': { status: 201, body: FRESH } };
  const { seen } = await keyturn(['create', 'web', '--no-schedule'], routes);
  t.same(seen[0]?.body, { name: 'web', policy: { schedule: null } });
  const both = await keyturn(['create', 'web', '--no-schedule', '--cron', '0 3 1 * *'], routes);
  t.same([both.exit, both.seen.length], [2, 0]);
});

t.test('create imports a key from a file or from standard input, without the newline at its end', async (t) => {
  const routes = { 'POST /v1/keyrings': { status: 201, body: FRESH } };
  const file = `${t.testdir({ key: `${KEY_1}\n` })}/key`;
  const fromFile = await keyturn(['create', 'web', '--key-file', file], routes);
  t.same(fromFile.seen[0]?.body, { name: 'web', key: KEY_1 });
  const fromStdin = await keyturn(['create', 'web', '--key-stdin'], routes, { stdin: `${KEY_2}\r\n` });
  t.same(fromStdin.seen[0]?.body, { name: 'web', key: KEY_2 });
  t.notMatch(fromStdin.out + fromFile.out, KEY_2);
  const empty = await keyturn(['create', 'web', '--key-stdin'], routes, { stdin: '\n' });
  t.same([empty.exit, empty.seen.length], [2, 0]);
  t.equal((await keyturn(['create', 'web', '--key-file', `${file}.absent`], routes)).exit, 2);
});

t.test('list shows a line a keyring and says when there are more', async (t) => {
  const { out, err } = await keyturn(['list', '--limit', '1'], { 'GET /v1/keyrings?limit=1': { body: { items: [WEB], next: 'c1' } } });
  t.equal(
    out,
    `NAME  STATE   SIGNING    NEXT KEY   SCHEDULE       NEXT ROTATION
web   active  version 1  version 2  0 3 1 * * UTC  2026-12-01 03:00:00 UTC (in 7 days)
`,
  );
  t.match(err, '--all');
});

t.test('list --all --json is one page with every item', async (t) => {
  const routes = {
    'GET /v1/keyrings': { body: { items: [WEB], next: 'c1' } },
    'GET /v1/keyrings?after=c1': { body: { items: [{ ...WEB, name: 'web2' }], next: null } },
  };
  const { out } = await keyturn(['list', '--all', '--json'], routes);
  t.same(JSON.parse(out), { items: [WEB, { ...WEB, name: 'web2' }], next: null });
});

t.test('show tells policy, versions and dates', async (t) => {
  const { out } = await keyturn(['show', 'web'], { 'GET /v1/keyrings/web': { body: WEB } });
  t.match(out, /^web · active\n\n {2}rotates/);
  t.ok(
    out.endsWith(`
VERSION  ROLE     KIND       PUBLISHED                SIGNS FROM                           VERIFIES UNTIL
2        next     scheduled  2026-11-24 11:00:00 UTC  2026-11-25 11:00:30 UTC (in 23 h)    it is replaced
1        current  created    2026-11-01 03:00:00 UTC  2026-11-01 03:00:00 UTC              2026-12-27 11:01:00 UTC (in 33 days)
`) || out,
  );
});

t.test('--json is the text of the service, byte for byte', async (t) => {
  const text = '{ "unknown": 1,"name":"web" }';
  t.equal((await keyturn(['show', 'web', '--json'], { 'GET /v1/keyrings/web': { body: text } })).out, `${text}\n`);
});

const KEYS = { 'GET /v1/keyrings/web/keys': { body: WEB_KEYS } };

t.test('keys prints no key unless it is asked to', async (t) => {
  const { exit, out, err, seen } = await keyturn(['keys', 'web'], KEYS);
  t.same([exit, seen[0]?.headers['keyturn-instance']], [0, 'keyturn-cli']);
  for (const key of [KEY_1, KEY_2, KEY_3]) t.notOk((out + err).includes(key));
  t.match(out, /3 +next .*\n2 +current .*\n1 +previous /);
  t.match(err, '--reveal');
  const revealed = await keyturn(['keys', 'web', '--reveal'], KEYS);
  for (const key of [KEY_1, KEY_2, KEY_3]) t.ok(revealed.out.includes(key));
});

t.test('keys --env prints what Flask reads, quoted for a shell', async (t) => {
  const { out } = await keyturn(['keys', 'web', '--env'], KEYS);
  t.equal(out, `FLASK_SECRET_KEY=${KEY_2}\nFLASK_SECRET_KEY_FALLBACKS='["${KEY_1}","${KEY_3}","${KEY_2}"]'\n`);
  const odd = `it's $HOME \`x\` ${KEY_1}`;
  const quoted = await keyturn(['keys', 'web', '--env'], {
    'GET /v1/keyrings/web/keys': { body: { ...WEB_KEYS, current: { ...WEB_KEYS.current, key: odd } } },
  });
  t.ok(quoted.out.startsWith(`FLASK_SECRET_KEY='it'\\''s $HOME \`x\` ${KEY_1}'\n`));
});

t.test('keys refuses an answer with an empty or short key', async (t) => {
  for (const key of ['', 'a'.repeat(31)]) {
    const body = { ...WEB_KEYS, previous: [{ version: 1, key, verifyUntil: '2026-12-03T03:01:00.000Z' }] };
    for (const how of ['--env', '--json', '--reveal']) {
      const { exit, out } = await keyturn(['keys', 'web', how], { 'GET /v1/keyrings/web/keys': { body } });
      t.same([exit, out], [3, '']);
    }
  }
});

t.test('rotate sends reason, kind and a fresh key for repetition, and says when the new version signs', async (t) => {
  const { exit, out, seen } = await keyturn(['rotate', 'web', '--reason', 'first try'], {
    'POST /v1/keyrings/web/rotate': { body: ROTATION },
  });
  t.same([exit, seen[0]?.body], [0, { kind: 'scheduled', reason: 'first try' }]);
  t.equal(seen[0]?.headers['idempotency-key'], '07'.repeat(16));
  t.match(out, 'Version 2 of keyring web is published and signs from 2026-11-25 12:00:30 UTC (in 1 day).');
});

t.test('rotate says whom the other kinds disturb', async (t) => {
  const body = { ...ROTATION, kind: 'emergency', activatesAt: '2026-11-24T12:00:00.000Z' };
  const argv = ['rotate', 'web', '--kind', 'emergency', '--reason', 'leak', '--idempotency-key', 'mine'];
  const { out, seen } = await keyturn(argv, { 'POST /v1/keyrings/web/rotate': { body } });
  t.equal(seen[0]?.headers['idempotency-key'], 'mine');
  t.match(out, 'whoever was logged in must log in again');
  const immediate = await keyturn(['rotate', 'web', '--kind', 'immediate', '--reason', 'x'], { 'POST /v1/keyrings/web/rotate': { body } });
  t.match(immediate.out, 'Instances that have not refreshed reject new tokens until they do.');
});

t.test('revoke, delete and restore say what happened and how to go on', async (t) => {
  const revoked = await keyturn(['revoke', 'web', '1', '--reason', 'lost'], {
    'POST /v1/keyrings/web/versions/1/revoke': { body: { name: 'web', revision: '9', revoked: 1, current: 2, next: null } },
  });
  t.equal(revoked.out, 'Version 1 of keyring web is revoked. Version 2 signs.\n');
  const deletion = { deleted: act('off', '2026-11-24T12:00:00.000Z'), purgeAt: '2026-12-24T12:00:00.000Z', purgedAt: null };
  const deleted = await keyturn(['delete', 'web', '--recovery-days', '30', '--reason', 'off & away'], {
    'DELETE /v1/keyrings/web?recoveryDays=30&reason=off+%26+away': { body: { ...WEB, state: 'deleted', deletion } },
  });
  t.match(deleted.out, 'It can be restored until 2026-12-24 12:00:00 UTC (in 30 days): npx keyturn restore web');
  const restored = await keyturn(['restore', 'web'], { 'POST /v1/keyrings/web/restore': { body: WEB } });
  t.match(restored.out, 'Keyring web is back');
});

t.test('update changes what is named under the revision that it read', async (t) => {
  const routes = { 'GET /v1/keyrings/web': { body: WEB, headers: { etag: '"7"' } }, 'PATCH /v1/keyrings/web': { body: WEB } };
  const { exit, seen } = await keyturn(['update', 'web', '--time-zone', 'Europe/Berlin', '--lease', '1h'], routes);
  t.same([exit, seen[1]?.headers['if-match']], [0, '"7"']);
  t.same(seen[1]?.body, { policy: { schedule: { cron: '0 3 1 * *', timeZone: 'Europe/Berlin' }, leaseSeconds: 3_600 } });
  const nothing = await keyturn(['update', 'web'], routes);
  t.same([nothing.exit, nothing.seen.length], [2, 0]);
});

t.test('history tells who, why, when and how a version ended', async (t) => {
  const body = { name: 'web', items: [historyItem(2, 'monthly'), historyItem(1, 'first')], next: null };
  const { out } = await keyturn(['history', 'web'], { 'GET /v1/keyrings/web/history': { body } });
  t.match(out, /2 +current +scheduled +2026-11-01 03:00:00 UTC +admin +monthly /);
  t.match(out, 'revoked 2026-11-03 00:00:00 UTC by admin: lost, key destroyed');
});

t.test('history --csv --all follows the links and prints the heading once', async (t) => {
  const link = { link: '<http://elsewhere.example/v1/keyrings/web/history?format=csv&limit=1&after=c1>; rel="next"' };
  const routes = {
    'GET /v1/keyrings/web/history?format=csv&limit=1': { body: 'version,role\r\n2,current\r\n', headers: link },
    'GET /v1/keyrings/web/history?format=csv&limit=1&after=c1': { body: 'version,role\r\n1,retired\r\n' },
  };
  const { out } = await keyturn(['history', 'web', '--csv', '--all', '--limit', '1'], routes);
  t.equal(out, 'version,role\r\n2,current\r\n1,retired\r\n');
  const firstOnly = await keyturn(['history', 'web', '--csv', '--limit', '1'], routes);
  t.equal(firstOnly.out, 'version,role\r\n2,current\r\n');
});

t.test('what others typed cannot steer the terminal', async (t) => {
  const body = { name: 'web', items: [historyItem(2, '\u001b[2Jgone\r\n')], next: null };
  const { out } = await keyturn(['history', 'web'], { 'GET /v1/keyrings/web/history': { body } });
  t.match(out, '\ufffd[2Jgone\ufffd\ufffd');
});

t.test('strength reads the key from standard input and exits with 1 where it may not be used', async (t) => {
  const verdict = (acceptable: boolean, faults: string[]) => ({
    'POST /v1/strength': { body: { acceptable, mayVerify: false, bytes: 3, faults, note: 'No proof.' } },
  });
  const weak = await keyturn(['strength'], verdict(false, ['it repeats itself']), { stdin: 'abc\n' });
  t.same([weak.exit, weak.seen[0]?.body], [1, { key: 'abc' }]);
  t.match(weak.out, '- it repeats itself');
  t.equal((await keyturn(['strength'], verdict(true, []), { stdin: KEY_1 })).exit, 0);
});

t.test('serve runs the service and hands on its failure', async (t) => {
  const served: string[] = [];
  const serve = async () => void served.push('once');
  t.equal((await keyturn(['serve'], {}, { serve })).exit, 0);
  t.same(served, ['once']);
  const failing = async () => {
    throw new KeyturnError('store_locked', 'Another process uses the data folder.');
  };
  const { exit, err } = await keyturn(['serve'], {}, { serve: failing });
  t.same([exit, err], [1, 'keyturn: Another process uses the data folder.\n  code: store_locked\n']);
});

t.test('colours appear on a terminal that has them, and the words stay the same', async (t) => {
  const routes = { 'GET /v1/keyrings/web': { body: WEB } };
  const { FORCE_COLOR } = process.env;
  t.teardown(() => FORCE_COLOR === undefined || Object.assign(process.env, { FORCE_COLOR }));
  process.env.FORCE_COLOR = '1';
  const plain = await keyturn(['show', 'web'], routes, { isTerminal: false });
  delete process.env.FORCE_COLOR;
  const coloured = await keyturn(['show', 'web'], routes, { isTerminal: true, colourDepth: 8 });
  // What a terminal reports under NO_COLOR.
  const without = await keyturn(['show', 'web'], routes, { isTerminal: true, colourDepth: 1 });
  t.equal(stripVTControlCharacters(plain.out), plain.out);
  t.not(coloured.out, plain.out);
  t.equal(stripVTControlCharacters(coloured.out), plain.out);
  t.equal(without.out, plain.out);
});

t.test('a refusal prints detail, faults, code and request id on standard error, and nothing on standard output', async (t) => {
  const faults = [{ path: '/policy/leaseSeconds', message: 'must be a whole number from 2 to 604800' }];
  const body = problem(422, 'invalid_policy', 'The policy is not sound.', faults);
  const { exit, out, err } = await keyturn(['create', 'web'], { 'POST /v1/keyrings': { status: 422, body } });
  t.same([exit, out], [1, '']);
  t.equal(
    err,
    `keyturn: The policy is not sound.
  - /policy/leaseSeconds must be a whole number from 2 to 604800
  code: invalid_policy · request: req-1
`,
  );
});
