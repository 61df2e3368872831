import t from 'tap';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { freshPrefix, openTestVault, testVault } from '../support/vault.ts';
import { storeConformance } from './conformance.ts';

t.test('the Vault store keeps the contract, between two replicas', async (t) => {
  const server = await testVault(t);
  storeConformance(t, async () => {
    const last: (() => unknown)[] = [];
    const teardown = { teardown: (action: () => unknown) => last.unshift(action) };
    const { hostname: host, port } = new URL(server.address);
    const proxy = await startFaultProxy(teardown, { host, port: Number(port) });
    const replica = { ...server, prefix: freshPrefix(), timeout: 4_000 };
    const through = { ...replica, address: `http://127.0.0.1:${proxy.port}` };
    const [{ store, tokens }, { store: other }] = [await openTestVault(teardown, through), await openTestVault(teardown, replica)];
    const cleanup = async () => {
      for (const action of last) await action();
    };
    return { store, other, tokens, link: { ...proxy, credentials: [server.auth.token.reveal()] }, cleanup };
  });
});
