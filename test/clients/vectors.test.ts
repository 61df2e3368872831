import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import t from 'tap';
import { Check } from 'typebox/value';
import { entropyBearingBytes as byClient } from '../../clients/node/src/strength.ts';
import { parseKeys } from '../../clients/node/src/wire.ts';
import { grantableLease } from '../../src/core/lease.ts';
import { DEFAULT_POLICY } from '../../src/core/policy.ts';
import { entropyBearingBytes, keyFaults } from '../../src/core/strength.ts';
import { KeysView } from '../../src/http/schemas/keys.ts';
import { startTestService } from '../support/service.ts';

/** Holds the service to the shared vectors of clients/vectors: what clients were promised is what it sends. */

// biome-ignore lint/suspicious/noExplicitAny: the vectors are data that other programs write; each test checks what it takes
function vectors(name: string): any {
  return JSON.parse(readFileSync(new URL(`../../clients/vectors/${name}.json`, import.meta.url), 'utf8'));
}

interface Answer {
  readonly current: { readonly version: number; readonly key: string };
  readonly previous: readonly { readonly version: number; readonly key: string }[];
  readonly next: { readonly version: number; readonly key: string } | null;
}

t.test('answers that clients take fit the schema of the service, and their keys its rules', async (t) => {
  for (const { name, answer, accepted } of vectors('answers')) {
    if (!accepted) continue;
    const weak = answer.previous.some((key: { weak?: boolean }) => key.weak === true);
    if (!weak) t.ok(Check(KeysView, answer), name);
    for (const { key } of [answer.current, answer.next ?? answer.current]) t.same(keyFaults(key), [], name);
  }
});

t.test('the client measures no key shorter than the service does: it refuses nothing that may be served', async (t) => {
  const keys = vectors('answers').flatMap(({ answer }: { answer: Answer | null }) => [answer?.current?.key, answer?.next?.key]);
  const texts = [
    ...keys,
    'a',
    'zz',
    'abcd',
    'ABCD==',
    'a-b_',
    'a+b/',
    'not base64!',
    '0'.repeat(64),
    'abc',
    'base64:QUJD',
    '0x12ab',
    '12ab-34cd',
    'k9!'.repeat(11),
  ].filter((key) => typeof key === 'string' && key !== '');
  for (const text of texts) t.ok(byClient(text) >= entropyBearingBytes(text), `${text.length} characters`);
  t.equal(byClient('ab'.repeat(32)), entropyBearingBytes('ab'.repeat(32)), 'as it generates them');
  t.equal(byClient(`_${'a'.repeat(42)}`), entropyBearingBytes(`_${'a'.repeat(42)}`));
});

t.test('what the service sends through two rotations is what clients take, in the order of the vectors', async (t) => {
  const { call, pass } = await startTestService(t);
  const policy = { schedule: null, leaseSeconds: 100, refreshSeconds: 50, skewSeconds: 0, tokenLifetimeSeconds: 86_400 };
  await call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web', policy, reason: 'a test' } });
  const read = async (etag?: string) =>
    call({ url: '/v1/keyrings/web/keys', ...(etag !== undefined && { headers: { 'if-none-match': etag } }) });
  const rotate = async () => call({ method: 'POST', url: '/v1/keyrings/web/rotate', payload: { kind: 'scheduled', reason: 'a test' } });
  for (let rotation = 0; rotation < 2; rotation++) {
    await rotate();
    await pass(101_000);
  }
  await rotate();
  const { status, headers, text, body } = await read();
  t.equal(status, 200);
  t.ok(Check(KeysView, body));
  const { snapshot, leaseSeconds, refreshSeconds } = parseKeys(JSON.parse(text), 'web');
  const versions = (keys: readonly { version: number }[]) => keys.map(({ version }) => version);
  t.same(versions(snapshot.signingFirst), [3, 4, 2, 1], 'signing first');
  t.same(versions(snapshot.signingLast), [1, 2, 4, 3], 'signing last');
  t.same([leaseSeconds, refreshSeconds], [100, 50]);
  t.same([headers['keyturn-lease'], headers['keyturn-refresh']], ['100', '50']);

  const again = await read(headers.etag);
  t.equal(again.status, 304);
  t.match(again.headers, { etag: headers.etag, 'keyturn-lease': '100', 'keyturn-refresh': '50' }, 'a 304 names the answer it renews');
  await pass(101_000);
  const promoted = await read(headers.etag);
  t.equal(promoted.status, 200, 'a promotion changes the ETag');
  t.not(promoted.headers.etag, headers.etag);
});

t.test('refusals that empty a cache are said as problems with the codes of the vectors', async (t) => {
  const { call, token } = await startTestService(t);
  const url = '/v1/keyrings/web/keys';
  const codes = async (bearer: string | null) => {
    const { status, headers, body } = await call({ url, token: bearer });
    return [status, headers['content-type']?.split(';')[0], body.code];
  };
  const said = vectors('exchanges').flatMap(({ steps }: { steps: { reply: { status: number; body: { code?: string } | null } }[] }) =>
    steps.map(({ reply }) => [reply.status, 'application/problem+json', reply.body?.code]),
  );
  for (const bearer of ['keyturn_nobody', await token(['app'], ['other-*']), await token(['app'])]) {
    const code = await codes(bearer);
    t.ok(
      said.some((known: unknown) => JSON.stringify(known) === JSON.stringify(code)),
      String(code),
    );
  }
});

t.test('a lease is whole seconds, and shrinks with the age of the copy', async (t) => {
  const policy = { ...DEFAULT_POLICY, leaseSeconds: 10 };
  for (const { name, asked, leaseSeconds, now, usable, renewals } of vectors('lease')) {
    if (leaseSeconds !== 10 || renewals.length > 0 || now.wall - asked.wall !== now.mono - asked.mono) continue;
    t.equal(grantableLease(policy, Math.round((now.mono - asked.mono) * 1_000)) > 0 || usable, usable, name);
  }
});

const toBase64Url = (bytes: Buffer) => bytes.toString('base64url');
const hmac = (algorithm: string, key: string | Buffer, data: string) => createHmac(algorithm, key).update(data).digest();
const byHmac = (key: string, salt: string) => hmac('sha1', key, salt);
const byDjangoConcat = (key: string, salt: string) => createHash('sha1').update(`${salt}signer${key}`).digest();

function stamped(payload: string, seconds: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(seconds);
  return `${payload}.${toBase64Url(bytes)}`;
}

const signed = (value: string, derived: Buffer) => `${value}.${toBase64Url(hmac('sha1', derived, value))}`;

t.test('itsdangerous cookies and CSRF tokens by a key of the service are those of the vectors', async (t) => {
  for (const { name, key, issuedAt, flaskSession, flaskSessionCompressed, flaskWtfCsrf, starletteSession, djangoSigner } of vectors(
    'tokens',
  )) {
    const json = (text: string) => toBase64Url(Buffer.from(text));
    t.equal(
      signed(stamped(json(flaskSession.json), issuedAt), byHmac(key, 'cookie-session')),
      flaskSession.cookie,
      `${name}: Flask session`,
    );
    const csrf = stamped(json(JSON.stringify(flaskWtfCsrf.raw)), issuedAt);
    t.equal(signed(csrf, byDjangoConcat(key, 'wtf-csrf-token')), flaskWtfCsrf.token, `${name}: Flask-WTF token`);
    const starlette = stamped(Buffer.from(starletteSession.json).toString('base64'), issuedAt);
    t.equal(signed(starlette, byDjangoConcat(key, 'itsdangerous.Signer')), starletteSession.cookie, `${name}: Starlette session`);
    const derived = createHash('sha256').update(`${djangoSigner.salt}signer${key}`).digest();
    t.equal(`${djangoSigner.value}:${toBase64Url(hmac('sha256', derived, djangoSigner.value))}`, djangoSigner.signed, `${name}: Django`);

    const [empty, payload = '', time = '', signature] = flaskSessionCompressed.cookie.split('.');
    t.equal(empty, '', 'a compressed session begins with a dot');
    t.equal(signature, toBase64Url(hmac('sha1', byHmac(key, 'cookie-session'), `.${payload}.${time}`)), `${name}: compressed`);
    t.equal(inflateSync(Buffer.from(payload, 'base64url')).toString(), flaskSessionCompressed.json);
  }
});
