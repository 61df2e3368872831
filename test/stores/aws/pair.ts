import { freshPrefix, giveCredentials, openTestAws } from '../../support/aws.ts';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import type { Open } from '../conformance.ts';

/** Two replicas on a prefix of their own, the first one through a network that can fail. */
export function pairsOn(endpoint: string): Open {
  const { hostname: host, port } = new URL(endpoint);
  return async () => {
    const last: (() => unknown)[] = [];
    const teardown = { teardown: (action: () => unknown) => last.unshift(action) };
    const proxy = await startFaultProxy(teardown, { host, port: Number(port) });
    const shared = { prefix: freshPrefix(), timeout: 500 };
    const { store, tokens } = await openTestAws(teardown, `http://127.0.0.1:${proxy.port}`, shared);
    const { store: other } = await openTestAws(teardown, endpoint, shared);
    const cleanup = async () => {
      for (const action of last) await action();
    };
    return { store, other, tokens, link: { ...proxy, credentials: giveCredentials() }, cleanup };
  };
}
