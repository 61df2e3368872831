import t from 'tap';
import { MINUTE } from '../../../src/core/time.ts';
import { openTestSqlite, temporaryFolder } from '../../support/sqlite.ts';
import { act, id, insert, token } from '../contract/tokens.ts';
import { T0 } from '../keyrings.ts';

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
