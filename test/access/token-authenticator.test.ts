import crypto from 'node:crypto';
import { inspect } from 'node:util';
import t from 'tap';
import { recordOf } from '../../src/access/declared-token.ts';
import type { TokenAuthenticator } from '../../src/access/token-authenticator.ts';
import { mintToken } from '../../src/access/token-format.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { parseKeyringName } from '../../src/core/name.ts';
import { MINUTE, SECOND } from '../../src/core/time.ts';
import { SCHEDULER } from '../../src/core/version.ts';
import type { Principal } from '../../src/ports/authenticator.ts';
import { seededRandom } from '../support/random.ts';
import { access, minted } from './fixture.ts';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const revoked = { at: START, by: SCHEDULER, reason: 'test' };

/** The error with which a token is refused, at once or later. */
async function refusal(authenticator: TokenAuthenticator, bearer: string | null): Promise<KeyturnError> {
  try {
    await authenticator.authenticate({ bearer });
  } catch (error) {
    if (error instanceof KeyturnError) return error;
  }
  throw new Error('it was not refused');
}

t.test('a token of the table is answered at once, by the same principal each time, without the store', async (t) => {
  const { authenticator, store } = access();
  const { text, record } = minted('shop', { roles: ['app', 'auditor'], keyrings: ['shop-*', 'blog'] });
  store.records.set(record.id, record);
  await authenticator.reload();
  const principal = authenticator.authenticate({ bearer: text }) as Principal;
  t.notOk(principal instanceof Promise);
  t.match(principal, { id: `token:${record.id}`, name: 'shop' });
  t.same([...principal.roles], ['app', 'auditor']);
  const reach = ['shop-web', 'blog', 'blog2', 'shop'].map((name) => principal.mayTouch(parseKeyringName(name)));
  t.same(reach, [true, true, false, false]);
  t.equal(authenticator.authenticate({ bearer: text }), principal);
  t.equal(store.gets, 0);
});

t.test('every refusal reads the same, keeps its reason in the cause and never holds a part of the secret', async (t) => {
  const { authenticator, store } = access();
  const [good, old, cut] = [minted('good'), minted('old', { expiresAt: START }), minted('cut', { revoked })];
  for (const { record } of [good, old, cut]) store.records.set(record.id, record);
  await authenticator.reload();
  // The id of a known token with the secret of another: well-formed, with a good checksum.
  const forged = mintToken({ ...seededRandom('good'), bytes: (count) => seededRandom(count === 16 ? 'good' : 'other').bytes(count) });
  t.equal(forged.id, good.record.id);
  const cases: [string | null, RegExp][] = [
    [null, /no bearer/],
    ['', /truncated/],
    [good.text.slice(0, -1), /truncated/],
    [minted('unknown').text, /unknown/],
    [forged.text.reveal(), /unknown/],
    [old.text, /expired/],
    [cut.text, /revoked/],
  ];
  for (const [bearer, why] of cases) {
    const error = await refusal(authenticator, bearer);
    t.equal(error.code, 'unauthenticated');
    t.equal(error.message, (await refusal(authenticator, null)).message);
    t.match((error.cause as Error).message, why);
    if (bearer) t.notOk(inspect(error).includes(bearer.slice(21, 40)), 'no secret in the error');
  }
});

t.test('an unknown id and a wrong secret both end in the same comparison in constant time', async (t) => {
  const { authenticator, table } = access();
  const { text, record } = minted('good');
  table.learn({ ...record, hash: '00'.repeat(32) });
  const compared = t.capture(crypto, 'timingSafeEqual', crypto.timingSafeEqual);
  const { syncBuiltinESMExports } = await import('node:module');
  syncBuiltinESMExports();
  t.teardown(() => syncBuiltinESMExports());
  await refusal(authenticator, text);
  await refusal(authenticator, minted('unknown').text);
  await refusal(authenticator, minted('unknown').text);
  t.equal(compared().length, 3);
});

t.test('a token expires at its instant and not before, by the wall clock', async (t) => {
  const { authenticator, clock, table } = access();
  const { text, record } = minted('short', { expiresAt: START + MINUTE });
  table.learn(record);
  await clock.advance(MINUTE - 1);
  t.ok(authenticator.authenticate({ bearer: text }));
  await clock.advance(1);
  t.match((await refusal(authenticator, text)).code, 'unauthenticated');
});

t.test('a token issued elsewhere is found in the store once, by all who ask at one time', async (t) => {
  const { authenticator, store } = access();
  const { text, record } = minted('elsewhere');
  store.records.set(record.id, record);
  const both = await Promise.all([authenticator.authenticate({ bearer: text }), authenticator.authenticate({ bearer: text })]);
  t.equal(both[0], both[1]);
  t.equal(authenticator.authenticate({ bearer: text }), both[0]);
  t.equal(store.gets, 1);
});

t.test('an id that the store does not know is not asked again for ten seconds', async (t) => {
  const { authenticator, clock, store } = access();
  const { text, record } = minted('late');
  await refusal(authenticator, text);
  await clock.advance(10 * SECOND - 1);
  await refusal(authenticator, text);
  t.equal(store.gets, 1);
  store.records.set(record.id, record);
  await clock.advance(1);
  t.ok(await authenticator.authenticate({ bearer: text }));
});

t.test('a token counts from the moment it is told of, even after a miss', async (t) => {
  const { authenticator } = access();
  const { text, record } = minted('told');
  await refusal(authenticator, text);
  authenticator.learn(record);
  t.ok(authenticator.authenticate({ bearer: text }));
});

t.test('garbage with a good checksum cannot flood the store', async (t) => {
  const { authenticator, clock, store } = access();
  const random = seededRandom('garbage');
  const codes = [];
  for (let i = 0; i < 200; i++) codes.push((await refusal(authenticator, mintToken(random).text.reveal())).code);
  t.equal(store.gets, 50);
  t.equal(codes.at(-1), 'store_unavailable');
  await clock.advance(SECOND);
  await refusal(authenticator, mintToken(random).text.reveal());
  t.equal(store.gets, 51);
});

t.test('a store that is down is no absence: known tokens go on, unknown ones are not called wrong', async (t) => {
  const { authenticator, store, table } = access();
  const [known, unknown] = [minted('known'), minted('unknown')];
  table.learn(known.record);
  store.records.set(unknown.record.id, unknown.record);
  store.down = true;
  t.ok(authenticator.authenticate({ bearer: known.text }));
  t.equal((await refusal(authenticator, unknown.text)).code, 'store_unavailable');
  await t.rejects(authenticator.reload(), { code: 'store_unavailable' });
  t.ok(authenticator.authenticate({ bearer: known.text }), 'a failed reload forgets nothing');
  store.down = false;
  t.ok(await authenticator.authenticate({ bearer: unknown.text }), 'and the outage was not remembered as a miss');
});

t.test('a revocation during a reload is not undone by the page that was read before it', async (t) => {
  const { authenticator, store } = access();
  const { text, record } = minted('raced');
  store.records.set(record.id, record);
  await authenticator.reload();
  store.meanwhile = () => authenticator.learn({ ...record, revoked });
  await authenticator.reload();
  t.match((await refusal(authenticator, text)).cause, { message: /revoked/ });
});

t.test('a reload reads every page and forgets what the store no longer has', async (t) => {
  const { authenticator, store, table } = access();
  const many = Array.from({ length: 1_201 }, (_, i) => minted(`many ${i}`, { createdAt: i }));
  for (const { record } of many) store.records.set(record.id, record);
  await authenticator.reload();
  t.ok(many.every(({ record }) => table.get(record.id) !== undefined));
  store.records.clear();
  await authenticator.reload();
  t.ok(many.every(({ record }) => table.get(record.id) === undefined));
});

t.test('a token of the config file works without a store and leaves no use to write down', async (t) => {
  const { text, record } = minted('static', { roles: ['admin'], expiresAt: START + MINUTE });
  const { id, name, hash, roles, keyrings, expiresAt } = record;
  const { authenticator, clock, store } = access([{ id, name, hash, roles, keyrings, expiresAt }]);
  store.down = true;
  t.match(authenticator.authenticate({ bearer: text }), { name: 'static' });
  await authenticator.flushUses();
  t.match(recordOf({ id, name, hash, roles, keyrings, expiresAt }, START), { createdBy: { name: 'config file' }, revoked: null });
  await clock.advance(MINUTE);
  t.equal((await refusal(authenticator, text)).code, 'unauthenticated');
});

t.test('last uses are kept to the minute, written once, and survive a store that is down', async (t) => {
  const { authenticator, clock, store, table } = access();
  const { text, record } = minted('used');
  table.learn(record);
  await clock.advance(61_234);
  for (let i = 0; i < 10; i++) authenticator.authenticate({ bearer: text });
  store.down = true;
  await t.rejects(authenticator.flushUses(), { code: 'store_unavailable' });
  clock.setBack(30_000);
  authenticator.authenticate({ bearer: text });
  store.down = false;
  await authenticator.flushUses();
  await authenticator.flushUses();
  t.same(store.used, [new Map([[record.id, START + MINUTE]])]);
});
