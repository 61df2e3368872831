import t from 'tap';
import { freshPrefix, openTestVault, testVault } from '../support/vault.ts';
import { storeConformance } from './conformance.ts';

t.test('the Vault store keeps the contract, between two replicas', async (t) => {
  const server = await testVault(t);
  storeConformance(t, async () => {
    const last: (() => unknown)[] = [];
    const teardown = { teardown: (action: () => unknown) => last.unshift(action) };
    const replica = { ...server, prefix: freshPrefix() };
    const [{ store }, { store: other }] = await Promise.all([openTestVault(teardown, replica), openTestVault(teardown, replica)]);
    const cleanup = async () => {
      for (const action of last) await action();
    };
    return { store, other, cleanup };
  });
});
