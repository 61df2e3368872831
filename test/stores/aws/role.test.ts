import { readFileSync } from 'node:fs';
import t from 'tap';
import { ACTIONS } from '../../../src/stores/aws/secrets.ts';
import { createIn, keyring, loadFrom, material, ref, rotated } from '../keyrings.ts';
import { failureOf, openDoubled } from './fixture.ts';

const docs = readFileSync(new URL('../../../docs/stores-aws.md', import.meta.url), 'utf8');
const [, json = '{}'] = /```json\n([\s\S]*?)```/.exec(docs) ?? [];
const granted = JSON.parse(json)
  .Statement.flatMap(({ Action }: { Action: string[] }) => Action)
  .sort();
const ours = (actions: Iterable<string>) => [...actions].map((action) => `secretsmanager:${action}`);

t.test('the role in the docs grants what the store may call, and what AWS asks for beside it', async (t) => {
  t.same(granted, ['kms:Decrypt', 'kms:GenerateDataKey', ...ours([...ACTIONS, 'TagResource'])].sort());
});

t.test('everything the store does, done once, calls each of these and nothing else', async (t) => {
  const { store, tokens, double, open } = await openDoubled(t);
  const first = keyring('web');
  const revision = await createIn(store, first);
  const { store: other } = await open();
  await loadFrom(other, 'web');
  double.dieHalfWay();
  double.failNext('PutSecretValue', { status: 500, type: 'InternalServiceError' }, 5);
  await failureOf(store.swap(rotated(first), revision));
  await other.swap(rotated(first), revision);
  await loadFrom(other, 'web');
  const entry = ref('web');
  await store.putMaterial(entry, material());
  await store.getMaterial(entry);
  await store.pageMaterial(null, 10);
  await store.destroyMaterial(entry);
  await store.page(null, 10);
  await store.changes((await store.changes(null)).cursor);
  await store.due(first.changed.at, null, 10);
  await tokens.markUsed(new Map());
  await store.check();
  t.same([...new Set(double.calls.map(({ action }) => action))].sort(), [...ACTIONS].sort());
});

t.test('reads name the label, and new secrets carry the tags', async (t) => {
  const { store, double } = await openDoubled(t, { tags: { team: 'platform' }, kmsKeyId: 'alias/keyturn' });
  await createIn(store, keyring('web'));
  await loadFrom(store, 'web');
  const [created] = double.calls.filter(({ action }) => action === 'CreateSecret');
  t.match(created?.fields, {
    KmsKeyId: 'alias/keyturn',
    Tags: [
      { Key: 'managed-by', Value: 'keyturn' },
      { Key: 'team', Value: 'platform' },
    ],
  });
  for (const { fields } of double.calls.filter(({ action }) => action === 'GetSecretValue'))
    t.match(fields, { VersionStage: 'AWSCURRENT' });
});
