import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { Secret } from '../../../src/core/secret.ts';
import type { TokenId, TokenRecord } from '../../../src/ports/tokens.ts';
import { openTestVault } from '../../support/vault.ts';
import { startVaultDouble } from '../../support/vault-double/double.ts';
import { parsePolicy } from '../../support/vault-double/policy.ts';
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

/** Everything that a service asks of its store, under a policy. */
async function useAll(t: Test, policy: string): Promise<void> {
  const { vault, address } = await startVaultDouble(t);
  const token = vault.tokens.issue([parsePolicy(policy)], { ttl: 600, maxTtl: 3_600 });
  const auth = { method: 'token', token: new Secret(token) } as const;
  const { store, tokens } = await openTestVault(t, { address, mount: 'secret', prefix: 'keyturn', auth });
  const entry = ref('web');
  await store.putMaterial(entry, material());
  const revision = await createIn(store, keyring('web'));
  await store.swap(rotated((await loadFrom(store, 'web')).keyring), revision);
  // what a creator left that died before its first write
  vault.engine().handle('metadata', 'keyturn/keyrings/api', 'write', { cas_required: true }, 0);
  await createIn(store, keyring('api'));
  await store.getMaterial(entry);
  t.same((await store.page(null, 10)).items, ['api', 'web']);
  t.equal((await store.pageMaterial(null, 10)).items.length, 1);
  await store.destroyMaterial(entry);
  await store.due(T0, null, 10);
  await tokens.insert(TOKEN);
  await tokens.revoke(TOKEN.id, keyring('web').created);
  t.equal((await tokens.page(null, 10)).items.length, 1);
  t.equal(vault.tokens.renew(token), 600);
}

t.test('under the documented policy everything works', async (t) => useAll(t, documented));

t.test('and nothing in it can be left out', async (t) => {
  const rules = documented.match(/path "secret[^}]*\}/g) ?? [];
  const words = rules.flatMap((rule) => (rule.match(/"[a-z]+"/g) ?? []).map((word) => ({ rule, word })));
  t.equal(words.length, 8);
  for (const { rule, word } of words) {
    const weaker = documented.replace(rule, rule.replace(word, ''));
    await t.rejects(useAll(t, weaker), { code: /store_/ }, `${rule.split('"')[1]} without ${word}`);
  }
});
