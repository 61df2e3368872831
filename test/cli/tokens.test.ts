import { hash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import t from 'tap';
import { act, TOKEN } from './fixtures.ts';
import { keyturn } from './keyturn.ts';

t.test('token new shows the token once, alone on standard output after its facts', async (t) => {
  const routes = { 'POST /v1/tokens': { status: 201, body: { token: 'keyturn_text', ...TOKEN } } };
  const argv = ['token', 'new', 'web servers', '--role', 'app', '--keyring', 'web', '--keyring', 'api', '--expires', '90d'];
  const { out, seen } = await keyturn(argv, routes);
  t.same(seen[0]?.body, { name: 'web servers', roles: ['app'], keyrings: ['web', 'api'], expiresInSeconds: 7_776_000 });
  t.match(out, /\nkeyturn_text\n$/);
});

t.test('token new --out writes the token to a new private file, and asks for none where it could not', async (t) => {
  const routes = { 'POST /v1/tokens': { status: 201, body: { token: 'keyturn_text', ...TOKEN } } };
  const file = `${t.testdir()}/web.token`;
  const { exit, out, err } = await keyturn(['token', 'new', 'x', '--role', 'app', '--out', file], routes);
  t.equal(exit, 0);
  t.notMatch(out + err, 'keyturn_text');
  t.equal(readFileSync(file, 'utf8'), 'keyturn_text\n');
  t.equal(statSync(file).mode & 0o777, 0o600);
  const again = await keyturn(['token', 'new', 'x', '--role', 'app', '--out', file], routes);
  t.same([again.exit, again.seen.length], [2, 0]);
});

t.test('token new --out leaves no file behind when the token is refused', async (t) => {
  const file = `${t.testdir()}/web.token`;
  const argv = ['token', 'new', 'x', '--role', 'app', '--out', file];
  const refused = { status: 400, body: { code: 'invalid_request', title: 'x', status: 400, detail: 'Not so.', requestId: 'x', type: 'x' } };
  t.not((await keyturn(argv, { 'POST /v1/tokens': refused })).exit, 0);
  t.notOk(existsSync(file));
  t.equal((await keyturn(argv, { 'POST /v1/tokens': { status: 201, body: { token: 'keyturn_text', ...TOKEN } } })).exit, 0);
});

t.test('token list and token revoke tell the state of tokens', async (t) => {
  const { out } = await keyturn(['token', 'list'], { 'GET /v1/tokens': { body: { items: [TOKEN], next: null } } });
  t.match(out, /4fQ0aB81xYzK +web servers +app +web +good +2026-11-24 11:57:00 UTC \(3 min ago\) +issued/);
  const revoked = await keyturn(['token', 'revoke', TOKEN.id, '--reason', 'left'], {
    [`DELETE /v1/tokens/${TOKEN.id}?reason=left`]: { body: { ...TOKEN, revoked: act('left') } },
  });
  t.equal(revoked.out, `Token ${TOKEN.id} (web servers) is revoked.\n`);
});

t.test('token hash gives the id and the hash of the token that it reads, and of the one that it makes', async (t) => {
  const file = `${t.testdir()}/web.token`;
  const made = await keyturn(['token', 'hash', '--new', file, '--json']);
  const text = readFileSync(file, 'utf8');
  t.equal(statSync(file).mode & 0o777, 0o600);
  const read = await keyturn(['token', 'hash', '--json'], {}, { stdin: text });
  t.equal(read.out, made.out);
  t.same(JSON.parse(read.out), { id: text.split('_')[1], hash: hash('sha256', text.trim(), 'hex') });
  const truncated = await keyturn(['token', 'hash'], {}, { stdin: text.slice(0, 60) });
  t.same([truncated.exit, truncated.out], [2, '']);
});
