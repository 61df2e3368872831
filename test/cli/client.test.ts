import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { problem } from '../support/api-server.ts';
import { ROTATION, WEB } from './fixtures.ts';
import { keyturn } from './keyturn.ts';

const ROTATE = ['rotate', 'web', '--reason', 'x'];
const SHOW = ['show', 'web'];
const GET = 'GET /v1/keyrings/web';
const POST = 'POST /v1/keyrings/web/rotate';

t.test('nobody listens: exit 3, and the command that starts the service', async (t) => {
  const { exit, err } = await keyturn(SHOW, {}, { url: await unusedUrl() });
  t.equal(exit, 3);
  t.match(err, /^keyturn: Cannot reach http:\/\/127\.0\.0\.1:\d+: .*Start it with: npm start\n {2}code: ECONNREFUSED\n$/);
});

t.test('the status of a refusal decides the exit code', async (t) => {
  const exits: [number, string, number][] = [
    [400, 'invalid_request', 1],
    [401, 'unauthenticated', 4],
    [403, 'forbidden', 4],
    [404, 'keyring_not_found', 1],
    [409, 'rotation_under_way', 1],
    [429, 'rate_limited', 5],
    [500, 'internal', 5],
    [503, 'store_unavailable', 5],
  ];
  for (const [status, code, expected] of exits) {
    const { exit, err } = await keyturn(SHOW, { [GET]: { status, body: problem(status, code, 'It says what to do.') } });
    t.match([exit, err], [expected, `keyturn: It says what to do.\n  code: ${code} · request: req-1\n`]);
  }
});

t.test('without a token a 401 says where a token comes from', async (t) => {
  const { exit, err, seen } = await keyturn(
    SHOW,
    { [GET]: { status: 401, body: problem(401, 'unauthenticated', 'No.') } },
    { token: null },
  );
  t.equal(exit, 4);
  t.match(err, 'KEYTURN_TOKEN_FILE');
  t.notOk(seen[0]?.headers.authorization);
});

t.test('a page of another site is no answer of Keyturn, whatever its status', async (t) => {
  for (const reply of [{ body: '<html>' }, { status: 404, body: '<html>' }, { status: 302, body: '' }, { body: { name: 'web' } }]) {
    const { exit, out, err } = await keyturn(SHOW, { [GET]: reply });
    t.match([exit, out, err], [3, /^$/, /not Keyturn's/]);
    t.notMatch(err, '<html>');
  }
});

t.test('a rotation whose connection breaks is sent again under the same key', async (t) => {
  const { exit, seen } = await keyturn(ROTATE, {
    [POST]: [{ hangUp: true }, { status: 503, body: problem(503, 'store_unavailable', '.') }, { body: ROTATION }],
  });
  t.same([exit, seen.length, new Set(seen.map(({ headers }) => headers['idempotency-key'])).size], [0, 3, 1]);
});

t.test('a rotation that never gets an answer names the key with which to find out', async (t) => {
  const { exit, err, seen } = await keyturn([...ROTATE, '--idempotency-key', 'k-1'], { [POST]: { hangUp: true } });
  t.same([exit, seen.length], [3, 3]);
  t.match(err, 'repeat the command with --idempotency-key k-1');
});

t.test('what cannot be repeated is sent once, and the message says that it may have happened', async (t) => {
  const { exit, err, seen } = await keyturn(['create', 'web'], { 'POST /v1/keyrings': { hangUp: true } });
  t.same([exit, seen.length], [3, 1]);
  t.match(err, 'It may or may not have happened.');
});

t.test('a refusal is not sent again, and neither is one that asks for a long wait', async (t) => {
  const refused = await keyturn(ROTATE, { [POST]: { status: 409, body: problem(409, 'rotation_under_way', 'Wait.') } });
  t.same([refused.exit, refused.seen.length], [1, 1]);
  const limited = { status: 429, headers: { 'retry-after': '60' }, body: problem(429, 'rate_limited', 'Too many.') };
  const { exit, err, seen } = await keyturn(SHOW, { [GET]: limited });
  t.same([exit, seen.length], [5, 1]);
  t.match(err, 'Too many. Try again in 60 s.');
});

t.test('a gateway that gives up on a rotation leaves it unknown', async (t) => {
  const { exit, err } = await keyturn([...ROTATE, '--idempotency-key', 'k-2'], { [POST]: { status: 504, body: '<html>' } });
  t.match([exit, err], [3, /It may or may not have happened.*--idempotency-key k-2/]);
});

t.test('a service that passes its trouble is asked again', async (t) => {
  const trouble = { status: 503, headers: { 'retry-after': '1' }, body: problem(503, 'store_unavailable', '.') };
  t.equal((await keyturn(SHOW, { [GET]: [trouble, { body: WEB }] })).exit, 0);
});

t.test('a service that does not answer in time is given up', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1');
  t.teardown(() => silent.close());
  await new Promise((resolve) => silent.once('listening', resolve));
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const { exit, err } = await keyturn(SHOW, {}, { url, timeoutMillis: 50 });
  t.match([exit, err], [3, /did not answer in time/]);
});

t.test('https to a service that speaks http says so', async (t) => {
  const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { exit, err } = await keyturn(SHOW, {}, { url });
  t.match([exit, err], [3, /does not speak TLS/]);
});

t.test('https is spoken to a service whose authority KEYTURN_CA_FILE names, and to no other', async (t) => {
  const folder = new URL('./tls/', import.meta.url);
  const [cert, key] = ['cert.pem', 'key.pem'].map((file) => readFileSync(new URL(file, folder), 'utf8'));
  const server = createTlsServer({ cert, key }, (_, response) => response.end(JSON.stringify(WEB))).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const known = await keyturn(SHOW, {}, { url, caFile: fileURLToPath(new URL('cert.pem', folder)) });
  t.match([known.exit, known.out], [0, /^web · active/]);
  const unknown = await keyturn(SHOW, {}, { url });
  t.match([unknown.exit, unknown.err], [3, /Name the authority in KEYTURN_CA_FILE/]);
  t.equal((await keyturn(SHOW, {}, { url, caFile: '/absent/ca.pem' })).exit, 2);
});

t.test('a reader that goes away early is no failure', async (t) => {
  const error = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done(error) });
  t.equal((await keyturn(['--version'], {}, { stdout })).exit, 0);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(stdout.errored, error);
});

async function unusedUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}
