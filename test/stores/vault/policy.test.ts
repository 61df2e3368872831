import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { TokenId, TokenRecord } from '../../../src/ports/tokens.ts';
import { freshPrefix, openTestVault, rawCalls, testVault, tokenUnder, type VaultServer } from '../../support/vault.ts';
import { createIn, keyring, loadFrom, material, ref, rotated, T0 } from '../keyrings.ts';

const documented = /```hcl\n(.*?)```/s.exec(readFileSync(new URL('../../../docs/stores-vault.md', import.meta.url), 'utf8'))?.[1] ?? '';

const TOKEN: TokenRecord = {
  id: 'abcdefghijkl' as TokenId,
  name: 'a test',
  hash: 'ab'.repeat(32),
  roles: ['app'],
  keyrings: ['*'],
  createdAt: T0,
  createdBy: keyring('web').created.by,
  expiresAt: null,
  revoked: null,
  lastUsedAt: null,
};

/** Everything that a service asks of its store, with a token that a policy bounds. */
async function useAll(t: Test, server: VaultServer, policy: string): Promise<void> {
  const prefix = freshPrefix();
  const token = await tokenUnder(server, policy.replaceAll('secret/', `${server.mount}/`).replaceAll('/keyturn/', `/${prefix}/`));
  const { store, tokens } = await openTestVault(t, { ...server, prefix, auth: { method: 'token', token } });
  const entry = ref('web');
  await store.putMaterial(entry, material());
  const revision = await createIn(store, keyring('web'));
  await store.swap(rotated((await loadFrom(store, 'web')).keyring), revision);
  // what a creator left that died before its first write
  await rawCalls(server)('POST', `${server.mount}/metadata/${prefix}/keyrings/api`, { cas_required: true });
  await createIn(store, keyring('api'));
  await store.getMaterial(entry);
  t.same((await store.page(null, 10)).items, ['api', 'web']);
  t.equal((await store.pageMaterial(null, 10)).items.length, 1);
  await store.destroyMaterial(entry);
  await store.due(T0, null, 10);
  await tokens.insert(TOKEN);
  await tokens.revoke(TOKEN.id, keyring('web').created);
  t.equal((await tokens.page(null, 10)).items.length, 1);
  const itself = rawCalls({ ...server, auth: { method: 'token', token } });
  const answers = [await itself('GET', 'auth/token/lookup-self'), await itself('POST', 'auth/token/renew-self', {})];
  t.same(
    answers.map(({ status }) => status),
    [200, 200],
  );
}

t.test('under the documented policy everything works', async (t) => useAll(t, await testVault(t), documented));

t.test('and nothing in it can be left out', async (t) => {
  const server = await testVault(t);
  const rules = documented.match(/path "secret[^}]*\}/g) ?? [];
  const words = rules.flatMap((rule) => (rule.match(/"[a-z]+"/g) ?? []).map((word) => ({ rule, word })));
  t.equal(words.length, 8);
  for (const { rule, word } of words) {
    const weaker = documented.replace(rule, rule.replace(word, ''));
    await t.rejects(useAll(t, server, weaker), { code: /store_/ }, `${rule.split('"')[1]} without ${word}`);
  }
});
