import { inspect } from 'node:util';
import t from 'tap';
import { SECOND } from '../../src/core/time.ts';
import { SCHEDULER } from '../../src/core/version.ts';
import type { Principal } from '../../src/ports/authenticator.ts';
import type { TokenId } from '../../src/ports/tokens.ts';
import { access, minted } from './fixture.ts';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const nowhere = async () => undefined;
/** A caller that may touch every keyring. */
const everything: Principal = {
  ...SCHEDULER,
  roles: new Set(['admin'] as const),
  mayTouchAll: true,
  mayTouch: () => true,
  covers: () => true,
};

/** Access with its bootstrap admin, and that admin as a caller. */
async function started(...declared: Parameters<typeof access>) {
  const parts = access(...declared);
  const admin = await parts.tokens.bootstrapAdmin(nowhere);
  if (admin === null) throw new Error('there was an admin already');
  const principal = await parts.authenticator.authenticate({ bearer: admin.text.reveal() });
  return { ...parts, admin, principal };
}

function declaredToken(roles: readonly ['admin'] | readonly ['app']) {
  const { id, name, hash, keyrings, expiresAt } = minted(`declared ${roles[0]}`).record;
  return { id, name, hash, roles, keyrings, expiresAt };
}

t.test('an issued token counts at once and says who issued it', async (t) => {
  const { tokens, principal, authenticator, store } = await started();
  const { text, record } = await tokens.issue(principal, { name: 'shop', roles: ['app'], keyrings: ['shop-*'], expiresInSeconds: 3_600 });
  t.match(record, {
    name: 'shop',
    roles: ['app'],
    keyrings: ['shop-*'],
    createdAt: START,
    expiresAt: START + 3_600 * SECOND,
    revoked: null,
  });
  t.equal(record.createdBy.id, principal.id);
  t.match(authenticator.authenticate({ bearer: text.reveal() }), { name: 'shop' });
  t.notMatch(inspect([...store.records.values()], { depth: 9 }), text.reveal(), 'its text is kept nowhere');
});

t.test('a request with faults is refused with all of them and nothing is issued', async (t) => {
  const { tokens, principal, store } = await started();
  const request = { name: ' ', roles: [], keyrings: ['Shop', 'ok', '[a]'], expiresInSeconds: 59 };
  const paths = ['/name', '/roles', '/keyrings/0', '/keyrings/2', '/expiresInSeconds'];
  await t.rejects(tokens.issue(principal, request), { code: 'invalid_request', faults: paths.map((path) => ({ path })) });
  t.equal(store.records.size, 1);
});

for (const [what, request] of [
  ['a name of 101 characters', { name: 'x'.repeat(101), roles: ['app'] }],
  ['a name with a line break', { name: 'a\nb', roles: ['app'] }],
  ['an unknown role', { name: 'a', roles: ['root'] }],
  ['a role twice', { name: 'a', roles: ['app', 'app'] }],
  ['no globs', { name: 'a', roles: ['app'], keyrings: [] }],
  ['33 globs', { name: 'a', roles: ['app'], keyrings: Array(33).fill('a') }],
  ['half a second', { name: 'a', roles: ['app'], expiresInSeconds: 90.5 }],
  ['eleven years', { name: 'a', roles: ['app'], expiresInSeconds: 11 * 366 * 86_400 }],
] as const) {
  t.test(`${what} is refused`, async (t) => {
    const { tokens, principal } = await started();
    await t.rejects(tokens.issue(principal, request as never), { code: 'invalid_request', faults: [{}] });
  });
}

t.test('nobody hands out more keyrings than they may touch', async (t) => {
  const { tokens, principal, authenticator } = await started();
  const { text } = await tokens.issue(principal, { name: 'team', roles: ['admin'], keyrings: ['team-*'] });
  const team = await authenticator.authenticate({ bearer: text.reveal() });
  await t.rejects(tokens.issue(team, { name: 'up', roles: ['app'] }), { code: 'forbidden' });
  await t.rejects(tokens.issue(team, { name: 'up', roles: ['app'], keyrings: ['team-a', 'tea*'] }), { code: 'forbidden' });
  t.ok(await tokens.issue(team, { name: 'down', roles: ['app'], keyrings: ['team-web-*', 'team-a'] }));
  const stranger: Principal = { ...everything, covers: (glob) => glob === 'team-a' };
  await t.rejects(tokens.issue(stranger, { name: 'up', roles: ['app'] }), { code: 'forbidden' });
});

t.test('the list has every token once, whatever the size of a page: config tokens first, then the newest', async (t) => {
  const { tokens, principal, clock, admin } = await started([declaredToken(['app'])]);
  const ids = [admin.record.id];
  for (let i = 0; i < 5; i++) {
    await clock.advance(1_000);
    ids.unshift((await tokens.issue(principal, { name: `t${i}`, roles: ['app'] })).record.id);
  }
  const expected = [declaredToken(['app']).id, ...ids];
  for (let limit = 1; limit <= 8; limit++) {
    const seen: TokenId[] = [];
    let after: TokenId | null = null;
    do {
      const page: Awaited<ReturnType<typeof tokens.list>> = await tokens.list(everything, after, limit);
      t.ok(page.items.length > 0 && page.items.length <= limit);
      seen.push(...page.items.map(({ record }) => record.id));
      after = page.next;
    } while (after !== null);
    t.same(seen, expected, `pages of ${limit}`);
  }
  t.equal((await tokens.list(everything, null, 1)).items[0]?.origin, 'config');
});

t.test('a list of config tokens alone ends with the last of them', async (t) => {
  const { tokens } = access([declaredToken(['app']), declaredToken(['admin'])]);
  t.match(await tokens.list(everything, null, 2), { next: null, items: { length: 2 } });
  t.match(await tokens.list(everything, null, 1), { next: declaredToken(['app']).id });
});

t.test('a revoked token is refused from the next request on, and revoking again changes nothing', async (t) => {
  const { tokens, principal, authenticator, clock } = await started();
  const { text, record } = await tokens.issue(principal, { name: 'shop', roles: ['app'] });
  const first = await tokens.revoke(everything, record.id, 'leaked');
  t.match(first.revoked, { at: START, by: SCHEDULER, reason: 'leaked' });
  t.throws(() => authenticator.authenticate({ bearer: text.reveal() }), { code: 'unauthenticated' });
  await clock.advance(1_000);
  t.same(await tokens.revoke(everything, record.id, 'again'), first);
});

t.test('a token that is not there cannot be revoked, one of the config file only there', async (t) => {
  const { tokens } = await started([declaredToken(['app'])]);
  await t.rejects(tokens.revoke(everything, minted('nobody').record.id, ''), { code: 'token_not_found' });
  await t.rejects(tokens.revoke(everything, declaredToken(['app']).id, ''), { code: 'token_protected', message: /config file/ });
});

t.test('an admin of some keyrings neither sees nor revokes tokens that reach further', async (t) => {
  const { tokens, principal, authenticator, admin } = await started([declaredToken(['app'])]);
  const { text, record } = await tokens.issue(principal, { name: 'team', roles: ['admin'], keyrings: ['team-*'] });
  const team = await authenticator.authenticate({ bearer: text.reveal() });
  const own = await tokens.issue(team, { name: 'web', roles: ['app'], keyrings: ['team-web'] });
  const seen = (await tokens.list(team, null, 50)).items.map(({ record: { name } }) => name).sort();
  t.same(seen, ['team', 'web']);
  await t.rejects(tokens.revoke(team, admin.record.id, 'a take-over'), { code: 'token_not_found' });
  await t.rejects(tokens.revoke(team, declaredToken(['app']).id, 'a take-over'), { code: 'token_not_found' });
  t.ok((await tokens.revoke(team, own.record.id, 'done with')).revoked);
  t.ok((await tokens.revoke(team, record.id, 'done with')).revoked, 'also itself');
});

t.test('the last usable admin cannot be revoked; with a second one it can', async (t) => {
  const { tokens, principal, admin, clock } = await started();
  await tokens.issue(principal, { name: 'app', roles: ['app', 'operator', 'auditor'] });
  await tokens.issue(principal, { name: 'short admin', roles: ['admin'], expiresInSeconds: 60 });
  await clock.advance(60_000);
  await t.rejects(tokens.revoke(everything, admin.record.id, ''), { code: 'token_protected' });
  await tokens.issue(principal, { name: 'second', roles: ['admin'] });
  t.ok((await tokens.revoke(everything, admin.record.id, 'replaced')).revoked);
});

t.test('two admins that revoke each other at one time do not both succeed', async (t) => {
  const { tokens, principal, admin } = await started();
  const second = await tokens.issue(principal, { name: 'second', roles: ['admin'] });
  const ends = await Promise.allSettled([admin, second].map(({ record }) => tokens.revoke(everything, record.id, '')));
  t.same(ends.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
});

t.test('bootstrapping makes one admin with all roles, once, and again only when none is usable', async (t) => {
  const { tokens, store, admin } = await started();
  t.match(admin.record, { name: 'bootstrap', roles: ['app', 'operator', 'auditor', 'admin'], keyrings: ['*'], expiresAt: null });
  t.equal(await tokens.bootstrapAdmin(nowhere), null);
  store.records.set(admin.record.id, { ...admin.record, expiresAt: START });
  t.ok(await tokens.bootstrapAdmin(nowhere));
  t.equal(await access([declaredToken(['admin'])]).tokens.bootstrapAdmin(nowhere), null);
  t.ok(await access([declaredToken(['app'])]).tokens.bootstrapAdmin(nowhere));
});

t.test('an admin token that could not be written down never counts', async (t) => {
  const { tokens, store } = access();
  await t.rejects(tokens.bootstrapAdmin(() => Promise.reject(new Error('disk full'))));
  t.equal(store.records.size, 0);
});
