import { createHash } from 'node:crypto';
import t from 'tap';
import { MINUTE } from '../../../src/core/time.ts';
import { type Act, SCHEDULER } from '../../../src/core/version.ts';
import type { TokenId, TokenRecord, TokenStore } from '../../../src/ports/tokens.ts';
import { openTestSqlite, temporaryFolder } from '../../support/sqlite.ts';
import { T0 } from '../keyrings.ts';

const id = (text: string) => text as TokenId;
const act = (reason: string): Act => ({ at: T0 + 5, by: SCHEDULER, reason });

function token(of: string, createdAt = T0): TokenRecord {
  return {
    id: id(of),
    name: `token ${of}`,
    hash: createHash('sha256').update(of).digest('hex'),
    roles: ['app', 'auditor'],
    keyrings: ['web', 'team-*'],
    createdAt,
    createdBy: SCHEDULER,
    expiresAt: T0 + 90 * MINUTE,
    revoked: null,
    lastUsedAt: null,
  };
}

async function insert(tokens: TokenStore, ...records: TokenRecord[]): Promise<void> {
  for (const record of records) await tokens.insert(record);
}

t.test('a token comes back as it was inserted, also after a restart', async (t) => {
  const dataDir = temporaryFolder(t);
  const { tokens, close } = openTestSqlite(t, { dataDir });
  const records = [token('plain'), { ...token('bare'), expiresAt: null, roles: [], keyrings: [] }];
  records.push({ ...token('ended'), revoked: act('lost'), lastUsedAt: T0 + MINUTE });
  await insert(tokens, ...records);
  close();
  const again = openTestSqlite(t, { dataDir }).tokens;
  for (const record of records) t.same(await again.get(record.id), record);
  t.equal(await again.get(id('unknown')), undefined);
});

t.test('an id is given once', async (t) => {
  const { tokens } = openTestSqlite(t);
  await insert(tokens, token('a'));
  await t.rejects(tokens.insert({ ...token('a'), name: 'another' }), { code: 'conflict' });
  t.same(await tokens.get(id('a')), token('a'));
});

t.test('tokens are listed newest first, then by id, page by page', async (t) => {
  const { tokens } = openTestSqlite(t);
  await insert(tokens, token('b', T0), token('new', T0 + 1), token('a', T0), token('old', T0 - 1), token('c', T0));
  for (const limit of [1, 2, 4, 5, 6]) {
    const found: string[] = [];
    let after: TokenId | null = null;
    do {
      const page: Awaited<ReturnType<TokenStore['page']>> = await tokens.page(after, limit);
      t.ok(page.items.length <= limit);
      found.push(...page.items.map((item) => item.id));
      after = page.next;
    } while (after !== null);
    t.same(found, ['new', 'c', 'b', 'a', 'old'], `limit ${limit}`);
  }
  t.same(await tokens.page(id('old'), 5), { items: [], next: null });
  await t.rejects(tokens.page(id('unknown'), 5), { code: 'invalid_request' });
});

t.test('the first revocation stays', async (t) => {
  const { tokens } = openTestSqlite(t);
  await insert(tokens, token('a'), token('b'));
  t.same(await tokens.revoke(id('a'), act('first')), { ...token('a'), revoked: act('first') });
  t.same((await tokens.revoke(id('a'), act('second')))?.revoked, act('first'));
  t.same((await tokens.get(id('b')))?.revoked, null);
  t.equal(await tokens.revoke(id('unknown'), act('first')), undefined);
});

t.test('use is noted for many at once and never moves back', async (t) => {
  const { tokens } = openTestSqlite(t);
  await insert(tokens, token('a'), token('b'));
  const lastUse = async (of: string) => (await tokens.get(id(of)))?.lastUsedAt;
  await tokens.markUsed(
    new Map([
      [id('a'), T0 + MINUTE],
      [id('unknown'), T0],
      [id('b'), T0],
    ]),
  );
  t.same([await lastUse('a'), await lastUse('b')], [T0 + MINUTE, T0]);
  await tokens.markUsed(
    new Map([
      [id('a'), T0],
      [id('b'), T0 + 2 * MINUTE],
    ]),
  );
  t.same([await lastUse('a'), await lastUse('b')], [T0 + MINUTE, T0 + 2 * MINUTE]);
  await tokens.markUsed(new Map());
  t.equal(await tokens.get(id('unknown')), undefined);
});

t.test('a damaged token is named and is neither absent nor more powerful', async (t) => {
  const damages = [
    "record = '{'",
    'record = replace(record, \'["app","auditor"]\', \'["root"]\')',
    'record = replace(record, \'"roles"\', \'"roles2"\')',
    "revoked = '{}'",
    "revoked = ''",
  ];
  for (const damage of damages) {
    const { tokens, database } = openTestSqlite(t);
    await insert(tokens, token('a'), token('b'));
    database.exec(`UPDATE tokens SET ${damage} WHERE id = 'a'`);
    await t.rejects(tokens.get(id('a')), { code: 'corrupt_document', message: /Token a/ }, damage);
    t.same(await tokens.get(id('b')), token('b'));
  }
});

t.test('an outage is no absence', async (t) => {
  const { tokens, close } = openTestSqlite(t);
  close();
  await t.rejects(tokens.get(id('a')), { code: 'store_unavailable' });
  await t.rejects(tokens.markUsed(new Map([[id('a'), T0]])), { code: 'store_unavailable' });
});
