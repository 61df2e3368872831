import t from 'tap';
import { problemFault } from '../support/problem.ts';
import { startTestService } from '../support/service.ts';

const service = await startTestService(t);
const { call, log } = service;
await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web' } });

const SECRET = 'keyturn-hunter2-Zq3Tb7Wn1Xs5Vd9Rf2Kg6Hj4';
const json = { 'content-type': 'application/json' };

const send = (payload: string, headers: Record<string, string> = json, url = '/v1/keyrings') =>
  call({ method: 'POST', url, payload, headers });

t.test('bodies that are no JSON object of the API', async (t) => {
  const bodies = {
    'cut off': `{"name":"${SECRET}`,
    'two values': '{} {}',
    'a comma too much': '{"name":"x",}',
    'single quotes': "{'name':'x'}",
    NaN: '{"name":NaN}',
    nothing: '',
    blanks: '   ',
    'a byte order mark alone': '\ufeff',
    NUL: '\u0000',
    'a list': '[{"name":"x"}]',
    'a text': `"${SECRET}"`,
    'a number': '1',
    null: 'null',
    __proto__: '{"name":"x","__proto__":{"policy":{}}}',
    'an escaped __proto__': '{"name":"x","\\u005f_proto__":{}}',
    'constructor.prototype': '{"name":"x","constructor":{"prototype":{"a":1}}}',
    'an unknown field': `{"name":"x","${SECRET}":1}`,
    'a value of another type': `{"name":{"${SECRET}":"${SECRET}"}}`,
    'a deep list': `{"name":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
    'a deep mapping': `{"name":"x","policy":${'{"schedule":'.repeat(4_000)}1${'}'.repeat(4_000)}}`,
    'many fields': `{${Array.from({ length: 4_000 }, (_, i) => `"f${i}":1`).join()}}`,
    'a huge number': '{"name":"x","policy":{"leaseSeconds":1e999}}',
    'a control character in the reason': '{"name":"x","reason":"a\\u0000b"}',
  };
  for (const [what, body] of Object.entries(bodies)) {
    const called = await send(body);
    t.equal(problemFault(called), null, what);
    t.equal(called.body.code, 'invalid_request', what);
    t.notOk(called.text.includes(SECRET), `${what}: nothing comes back`);
    t.ok(called.text.length < 6_000, `${what}: ${called.text.length} characters`);
  }
  t.equal((await call({ url: '/v1/keyrings/x' })).status, 404, 'and nothing was made');
  t.equal(({} as { policy?: unknown }).policy, undefined);
});

t.test('unknown fields are named where their name is a word', async (t) => {
  const { body } = await send('{"name":"x","polcy":{},"f1":1}');
  t.same(body.faults, [{ path: 'body', message: 'must not have additional properties: polcy' }]);
});

t.test('the last of doubled fields counts, as JSON.parse has it, and is checked', async (t) => {
  t.equal((await send('{"name":"good","name":"Not Good"}')).status, 400);
});

t.test('bodies of another kind', async (t) => {
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/jsonx',
    'nonsense',
    '',
  ]) {
    const called = await send('{"name":"x"}', { 'content-type': type });
    t.equal(problemFault(called), null, type);
    t.match(called, { status: 415, body: { code: 'unsupported_media_type' } }, type);
  }
  t.equal((await send('{"name":"utf8"}', { 'content-type': 'application/json; charset=utf-8' })).status, 201);
});

t.test('bodies that are too large, whether or not they say so', async (t) => {
  const large = JSON.stringify({ name: 'x'.repeat(65_536) });
  for (const headers of [json, { ...json, 'content-length': '9999999999' }]) {
    const called = await send(large, headers);
    t.equal(problemFault(called), null);
    t.match(called, { status: 413, body: { code: 'body_too_large' } });
  }
});

t.test('paths', async (t) => {
  const paths: [string, number][] = [
    ['/v1/keyrings/%zz', 400],
    ['/v1/keyrings/%', 400],
    ['/v1/keyrings/%ff', 400],
    ['/v1/keyrings/%c0%af', 400],
    ['/v1/keyrings/w%00b', 400],
    ['/v1/keyrings/web%2fkeys', 400],
    ['/v1/keyrings/..%2f..%2fetc', 400],
    ['/v1/keyrings/WEB', 400],
    ['/v1/keyrings/%20', 400],
    [`/v1/keyrings/${'a'.repeat(64)}`, 400],
    [`/v1/keyrings/${'a'.repeat(5_000)}`, 400],
    ['/v1/keyrings//keys', 400],
    ['/v1/keyrings/__proto__', 400],
    ['/v1/keyrings/web/', 404],
    ['/v1/keyrings/', 400],
    ['/v1/keyrings/web/keys/1', 404],
    ['/v1/Keyrings/web', 404],
    ['/v2/keyrings', 404],
    ['//v1/keyrings', 404],
    ['/', 404],
    ['/favicon.ico', 404],
    ['/v1/keyrings/constructor', 404],
  ];
  for (const [url, status] of paths) {
    const called = await call({ url });
    t.equal(problemFault(called), null, url);
    t.equal(called.status, status, url);
    t.notMatch(called.text, /%|etc|WEB|aaaa/, url);
  }
  t.equal((await call({ url: '/v1/keyrings/%77%65%62' })).body.name, 'web', 'percent-encoded is the same name');
});

t.test('methods that a path does not have are 404, as the path without them', async (t) => {
  for (const [method, url] of [
    ['PUT', '/v1/keyrings/web'],
    ['OPTIONS', '/v1/keyrings'],
    ['TRACE', '/v1/keyrings'],
    ['POST', '/v1/keyrings/web/keys'],
    ['DELETE', '/v1/keyrings'],
    ['GET', '/v1/strength'],
    ['POST', '/healthz'],
    ['HEAD', '/v1/strength'],
    ['PATCH', '/v1/tokens/x'],
  ] as const) {
    const called = await call({ method, url });
    t.equal(called.status, 404, `${method} ${url}`);
    if (method !== 'HEAD') t.match(called.body, { code: 'route_not_found', detail: /for this method/ });
    t.equal((await call({ method, url, token: null })).status, 404, 'with or without a token');
  }
});

t.test('queries', async (t) => {
  for (const url of [
    '/v1/keyrings?limit=1&limit=2',
    '/v1/keyrings?limit[]=1',
    '/v1/keyrings?page=2',
    '/v1/keyrings?limit=1;after=x',
    '/v1/keyrings?__proto__=1',
    '/v1/keyrings?limit=%00',
    '/v1/keyrings?after=%ff',
    `/v1/keyrings?after=${'a'.repeat(10_000)}`,
    '/v1/keyrings/web?x=1',
    '/v1/keyrings/web/keys?wait=5&wait=6',
    `/v1/keyrings/web/keys?${SECRET}=1`,
    '/v1/keyrings/web/history?format=csv&format=json',
  ]) {
    const called = await call({ url });
    t.equal(problemFault(called), null, url);
    t.equal(called.status, 400, url);
    t.notOk(called.text.includes(SECRET));
  }
});

t.test('headers', async (t) => {
  const patch = (headers: Record<string, string>) => call({ method: 'PATCH', url: '/v1/keyrings/web', payload: { policy: {} }, headers });
  const rotate = (headers: Record<string, string>) =>
    call({ method: 'POST', url: '/v1/keyrings/web/rotate', payload: { reason: 'r' }, headers });
  const keys = (headers: Record<string, string>) => call({ url: '/v1/keyrings/web/keys', headers });
  for (const called of [
    await patch({ 'if-match': SECRET }),
    await patch({ 'if-match': `"${'x'.repeat(2_000)}"` }),
    await rotate({ 'idempotency-key': `${SECRET} ${SECRET}` }),
    await keys({ 'if-none-match': SECRET }),
    await keys({ 'if-none-match': `"${'x'.repeat(2_000)}"` }),
    await keys({ 'keyturn-instance': `<${SECRET}>` }),
  ]) {
    t.equal(problemFault(called), null);
    t.equal(called.status, 400);
    t.notOk(called.text.includes(SECRET));
  }
});

t.test('no log line of all this has what was sent', async (t) => {
  t.ok(log().includes('request refused'));
  t.notOk(log().includes(SECRET));
  t.notMatch(log(), /"level":"(error|fatal)"/, 'nor is a refusal an error');
});

t.test('a reason or a name that would look like another one is refused, and why is said', async (t) => {
  const marks = [
    '\u0000',
    '\n',
    '\u007f',
    '\u0080',
    '\u009b',
    '\u061c',
    '\u200e',
    '\u200f',
    '\u2028',
    '\u2029',
    '\u202a',
    '\u202e',
    '\u2066',
    '\u2069',
  ];
  for (const mark of marks) {
    const what = `U+${mark.charCodeAt(0).toString(16)}`;
    const { body, status } = await send(JSON.stringify({ name: 'x', reason: `leaked${mark}` }));
    t.equal(status, 400, what);
    t.match(
      body.faults,
      [{ path: 'body/reason', message: /^must be plain text: no control characters, line breaks or marks of text direction$/ }],
      what,
    );
    const named = await call({ method: 'POST', url: '/v1/tokens', payload: { name: `web${mark}`, roles: ['app'] } });
    t.equal(named.status, 400, what);
  }
  const plain = await send(JSON.stringify({ name: 'plain', reason: 'Schlüssel verloren – 鍵 紛失, مفتاح, 🔑' }));
  t.equal(plain.status, 201, plain.text);
});

t.test('a value that may be null or within bounds is told its bound alone', async (t) => {
  const { status, body } = await send('{"name":"x","roles":["app"],"expiresInSeconds":2}', json, '/v1/tokens');
  t.equal(status, 400);
  t.same(body.faults, [{ path: 'body/expiresInSeconds', message: 'must be >= 60' }]);
});
