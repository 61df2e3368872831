import t from 'tap';
import { Secret } from '../../src/core/secret.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { noPostgres, startPostgres } from '../support/postgres.ts';
import { freshSchema, openTestPostgres } from '../support/postgres-store.ts';
import { storeConformance } from './conformance.ts';

t.test('the PostgreSQL store keeps the contract, between two replicas', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  storeConformance(t, async () => {
    const last: (() => unknown)[] = [];
    const teardown = { teardown: (action: () => unknown) => last.unshift(action) };
    const proxy = await startFaultProxy(teardown, server);
    const schema = freshSchema();
    const replica = (port: number) => openTestPostgres(teardown, server, { schema, url: new Secret(server.url(port)), timeout: 1_500 });
    const [{ store, tokens }, { store: other }] = await Promise.all([replica(proxy.port), replica(server.port)]);
    const cleanup = async () => {
      for (const action of last) await action();
    };
    return { store, other, tokens, fingerprints: store, link: { ...proxy, credentials: [server.password] }, cleanup };
  });
});
