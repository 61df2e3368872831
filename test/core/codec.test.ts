import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { DOCUMENT_SCHEMA, decodeKeyring, encodeKeyring } from '../../src/core/codec.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import fc from '../support/fast-check.ts';
import { GOLDEN_DOCUMENTS } from './golden-documents.ts';

const GOLDEN = new URL('golden/', import.meta.url);
/** A golden file as a store keeps it: the files are only laid out for reading. */
const golden = (shape: string): string => JSON.stringify(JSON.parse(readFileSync(new URL(`${shape}.json`, GOLDEN), 'utf8')));

/** The golden document with other text in it; fails where nothing was replaced. */
function edited(shape: string, found: string | RegExp, replacement: string): string {
  const before = golden(shape);
  const after = before.replace(found, replacement);
  if (after === before) throw new Error(`no ${String(found)} in ${shape}`);
  return after;
}

/** What a document is refused with. */
function refusal(text: string): KeyturnError {
  try {
    decodeKeyring(text);
  } catch (error) {
    if (error instanceof KeyturnError) return error;
    throw error;
  }
  throw new Error('it was read');
}

t.test('there is a golden file for every shape, and no other', async (t) => {
  t.same(
    readdirSync(GOLDEN).sort(),
    Object.keys(GOLDEN_DOCUMENTS)
      .map((shape) => `${shape}.json`)
      .sort(),
  );
});

for (const [shape, keyring] of Object.entries(GOLDEN_DOCUMENTS)) {
  t.test(`the golden document ${shape} is written as it is and reads as the same keyring`, async (t) => {
    t.equal(encodeKeyring(keyring), golden(shape));
    t.same(decodeKeyring(golden(shape)), keyring);
    t.equal(encodeKeyring(decodeKeyring(golden(shape))), golden(shape));
  });
}

t.test('whatever can be read is written again as it was', async () => {
  const places = Object.keys(GOLDEN_DOCUMENTS).map(golden);
  const character = fc.constantFrom(...'0123456789-:.TZ"{}[],eEn+ ');
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.nat(), character, fc.boolean(), (text, place, drawn, insert) => {
      const index = place % text.length;
      const mutated = text.slice(0, index) + drawn + text.slice(insert ? index : index + 1);
      try {
        return encodeKeyring(decodeKeyring(mutated)) === JSON.stringify(JSON.parse(mutated));
      } catch (error) {
        return error instanceof KeyturnError && error.code === 'corrupt_document';
      }
    }),
    { seed: 20_260_115, numRuns: 3_000 },
  );
});

t.test('text that is no document is refused', async (t) => {
  for (const text of ['', ' ', '{', 'null', '[]', '0', '"text"', '{}', `${golden('active')}{}`]) {
    t.equal(refusal(text).code, 'corrupt_document', text.slice(0, 10));
  }
});

t.test('a document of a newer schema asks for a newer Keyturn', async (t) => {
  const error = refusal(edited('active', '"schema":1', `"schema":${DOCUMENT_SCHEMA + 1}`));
  t.match(error, { code: 'corrupt_document', message: /its schema is 2 and this Keyturn reads 1: use a newer one/ });
  t.match(refusal(edited('active', '"schema":1', '"schema":0')), { message: /at \/schema/ });
  t.match(refusal(edited('active', '"schema":1', '"schema":"1"')), { message: /at \/schema/ });
});

t.test('a fault is named by its place and never by what was found there', async (t) => {
  const SECRET = 'c0ffee5ec2e7';
  const table: [string, string | RegExp, string, string][] = [
    ['active', '"name":"shop.web_1"', `"name":"${SECRET} "`, '/name'],
    ['active', '"name":"shop.web_1"', '"name":7', '/name'],
    ['active', '"activatesAt":"2026-01-15T10:20:30.457Z"', `"activatesAt":"${SECRET}"`, '/versions/0/activatesAt'],
    ['active', '"activatesAt":"2026-01-15T10:20:30.457Z"', '"activatesAt":1768472430457', '/versions/0/activatesAt'],
    ['active', '"activatesAt":"2026-01-15T10:20:30.457Z"', '"activatesAt":null', '/versions/0/activatesAt'],
    ['active', '"activatesAt":"2026-01-15T10:20:30.457Z"', '"activatesAt":"2026-02-30T10:20:30.457Z"', '/versions/0/activatesAt'],
    ['active', '"activatesAt":"2026-01-15T10:20:30.457Z"', '"activatesAt":"2026-01-15T24:00:00.000Z"', '/versions/0/activatesAt'],
    ['active', '"activatesAt":"2026-01-15T10:20:30.457Z"', '"activatesAt":"2026-01-15T10:20:30Z"', '/versions/0/activatesAt'],
    ['active', '"activatesAt":"2026-01-15T10:20:30.457Z"', '"activatesAt":"2026-01-15T10:20:30.457+01:00"', '/versions/0/activatesAt'],
    ['active', /"nonce":"\w+"/, `"nonce":"${SECRET}"`, '/versions/0/nonce'],
    ['active', '"kind":"created"', `"kind":"${SECRET}"`, '/versions/0/kind'],
    ['active', '"version":1', '"version":0', '/versions/0/version'],
    ['active', '"version":1', '"version":1.5', '/versions/0/version'],
    ['active', '"keyBytes":32', '"keyBytes":31', '/policy/keyBytes'],
    ['active', '"skewSeconds":30', '"skewSeconds":-1', '/policy/skewSeconds'],
    ['active', '"leaseSeconds":86400', '"leaseSeconds":"86400"', '/policy/leaseSeconds'],
    ['active', '"carryover":null', '"carryover":{"leasesUntil":null,"tokensUntil":null}', '/carryover'],
    ['active', '"state":"active"', `"state":"${SECRET}"`, '/lifecycle'],
    ['active', '"requests":[]', '"requests":{}', '/requests'],
    ['active', '"requests":[],', '', '/'],
    ['deleted', '"purgeAt":', '"purgedAt":', '/lifecycle'],
    ['requests', /"requests":\[(.*?)\]/, `"requests":[${'$1,'.repeat(16)}$1]`, '/requests'],
  ];
  for (const [shape, found, replacement, path] of table) {
    const { code, message } = refusal(edited(shape, found, replacement));
    t.equal(code, 'corrupt_document', replacement);
    t.match(message, `it breaks its schema at ${path}`, replacement);
    t.notMatch(message, SECRET);
  }
});

t.test('an unknown field is refused wherever it is', async (t) => {
  const SECRET = 'c0ffee5ec2e7';
  for (const object of [
    '^',
    '"policy":',
    '"schedule":',
    '"versions":\\[',
    '"created":',
    '"by":',
    '"provenance":',
    '"lifecycle":',
    '"changed":',
  ]) {
    const text = edited('active', new RegExp(`(${object})\\{`), `$1{"key":"${SECRET}",`);
    t.match(refusal(text), { code: 'corrupt_document', message: /it breaks its schema at \// }, object);
    t.notMatch(refusal(text).message, SECRET, object);
  }
  t.equal(refusal(edited('active', /^\{/, '{"__proto__":{"name":"x"},')).code, 'corrupt_document');
});

t.test('a document that breaks an invariant is refused', async (t) => {
  const table: [string, string | RegExp, string, RegExp][] = [
    ['next', '"version":2', '"version":1', /version numbers do not rise/],
    ['next', /"verifyUntil":"[^"]+"/, '"verifyUntil":null', /version 1 has no end/],
    ['next', /"verifyUntil":"[^"]+"/, '"verifyUntil":"2026-01-15T10:20:30.457Z"', /version 1 has no end, or one before/],
    ['next', '"verifyUntil":null', '"verifyUntil":"2027-01-15T10:20:30.457Z"', /the last version 2 has an end/],
    [
      'next',
      '"activatesAt":"2026-02-02T03:00:30.012Z"',
      '"activatesAt":"2026-01-01T00:00:00.000Z"',
      /version 2 activates before version 1/,
    ],
    ['active', '"destroyedAt":null', '"destroyedAt":"2026-01-15T10:20:30.457Z"', /no usable version/],
    ['next', '"destroyedAt":null', '"destroyedAt":"2026-02-15T10:20:30.457Z"', /version 1 is destroyed before its end/],
    ['active', /"versions":\[.*\],"next/, '"versions":[],"next', /no usable version/],
    ['purged', /"revoked":\{[^}]*\}[^}]*\}/, '"revoked":null', /or one too many/],
  ];
  for (const [shape, found, replacement, expected] of table) {
    t.match(refusal(edited(shape, found, replacement)), { code: 'corrupt_document', message: expected }, replacement);
  }
});

t.test('an instant that could not be read again is never written', async (t) => {
  const { active } = GOLDEN_DOCUMENTS;
  if (active === undefined) throw new Error('no golden document');
  const last = Date.parse('9999-12-31T23:59:59.999Z');
  t.equal(decodeKeyring(encodeKeyring({ ...active, nextRotationAt: last })).nextRotationAt, last);
  for (const nextRotationAt of [last + 1, 8.64e15 + 1, Number.NaN, Number.POSITIVE_INFINITY, 0.5, -1e14]) {
    t.throws(() => encodeKeyring({ ...active, nextRotationAt }), { code: 'internal', message: /nextRotationAt/ }, String(nextRotationAt));
  }
});

t.test('a refused document keeps the cause for the log only', async (t) => {
  const error = refusal('{"name":c0ffee}');
  t.equal(error.message, 'A keyring document cannot be read: it is not JSON. Restore it from a backup.');
  t.ok(error.cause instanceof SyntaxError);
});
