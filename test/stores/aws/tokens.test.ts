import { createHash } from 'node:crypto';
import t from 'tap';
import { MINUTE } from '../../../src/core/time.ts';
import { type Act, SCHEDULER } from '../../../src/core/version.ts';
import type { TokenId, TokenRecord } from '../../../src/ports/tokens.ts';
import { textOf } from '../../../src/stores/aws/tokens.ts';
import { writeValue } from '../../../src/stores/aws/value.ts';
import { T0 } from '../keyrings.ts';
import { openDoubled, PREFIX } from './fixture.ts';

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
    expiresAt: null,
    revoked: null,
    lastUsedAt: null,
  };
}

t.test('all tokens live in one secret, which shows no token', async (t) => {
  const { tokens, double } = await openDoubled(t);
  for (const name of ['a', 'b', 'c']) await tokens.insert(token(name));
  t.same(double.secrets.names, [`${PREFIX}/tokens`]);
  t.equal((await tokens.page(null, 10)).items.length, 3);
});

t.test('replicas that issue at the same time lose nothing', async (t) => {
  const { tokens, open } = await openDoubled(t);
  const { tokens: others } = await open();
  const ids = Array.from({ length: 10 }, (_, index) => `t${index}`);
  await Promise.all(ids.map((of, index) => (index % 2 ? tokens : others).insert(token(of))));
  t.same((await tokens.page(null, 20)).items.map((item) => item.id).sort(), ids);
});

t.test('what another replica issued and revoked is told, and nothing where nothing changed', async (t) => {
  const { tokens, open } = await openDoubled(t);
  const { tokens: others } = await open();
  const { cursor } = await tokens.changed(null);
  t.same((await tokens.changed(cursor)).tokens, []);
  await others.insert(token('a'));
  const issued = await tokens.changed(cursor);
  t.same(issued.tokens, [token('a')]);
  await others.revoke(id('a'), act('lost'));
  const revoked = await tokens.changed(issued.cursor);
  t.same(revoked.tokens, [{ ...token('a'), revoked: act('lost') }]);
  t.same((await tokens.changed(revoked.cursor)).tokens, []);
});

t.test('a decision about several tokens is made again when another replica wrote meanwhile', async (t) => {
  const { tokens, open } = await openDoubled(t);
  const { tokens: others } = await open();
  for (const name of ['a', 'b']) await tokens.insert(token(name));
  let runs = 0;
  const usable = async () => (await tokens.page(null, 10)).items.filter(({ revoked }) => revoked === null);
  const revoked = await tokens.alone(async () => {
    runs++;
    const enough = (await usable()).length > 1;
    if (runs === 1) await others.revoke(id('b'), act('theirs'));
    return enough ? tokens.revoke(id('a'), act('ours')) : 'refused: the last one';
  });
  t.equal(revoked, 'refused: the last one');
  t.equal(runs, 2);
  t.same(
    (await usable()).map((item) => item.id),
    ['a'],
  );
});

t.test('a failure in a decision is passed on and not tried again', async (t) => {
  const { tokens } = await openDoubled(t);
  let runs = 0;
  const failing = tokens.alone(async () => {
    runs++;
    throw new Error('of its own');
  });
  await t.rejects(failing, { message: 'of its own' });
  t.equal(runs, 1);
});

t.test('noting uses writes nothing', async (t) => {
  const { tokens, double } = await openDoubled(t);
  await tokens.insert(token('a'));
  const writes = double.count('CreateSecret', 'PutSecretValue');
  await tokens.markUsed(new Map([[id('a'), T0 + MINUTE]]));
  t.equal((await tokens.get(id('a')))?.lastUsedAt, T0 + MINUTE);
  t.equal(double.count('CreateSecret', 'PutSecretValue'), writes);
});

t.test('some 600 tokens fit; a list that outgrows its secret is refused', async (t) => {
  const { tokens, double } = await openDoubled(t);
  const many = Array.from({ length: 2_000 }, (_, index) => token(`token${index}`.padEnd(12, 'x'), T0 + index * 997));
  const value = (count: number) => writeValue({ count: 1, tag: '0123456789ab', text: textOf(many.slice(0, count)) }, 'tokens');
  t.ok(value(600).length <= 65_536);
  t.throws(() => value(2_000), { code: 'store_full' });
  await tokens.insert(token('a'));
  t.equal(double.secrets.names.length, 1);
});

t.test('a damaged list is corrupt, not empty', async (t) => {
  const { tokens, double } = await openDoubled(t);
  double.secrets.create({
    Name: `${PREFIX}/tokens`,
    SecretString: '{"keyturn":1,"revision":"1-0123456789ab","document":{"tokens":[{}]}}',
    ClientRequestToken: 'x',
  });
  await t.rejects(tokens.get(id('a')), { code: 'corrupt_document' });
});
