import t from 'tap';
import { noPostgres, startPostgres } from '../support/postgres.ts';
import { freshSchema, openTestPostgres } from '../support/postgres-store.ts';
import { storeConformance } from './conformance.ts';

t.test('the PostgreSQL store keeps the contract, between two replicas', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  storeConformance(t, async () => {
    const last: (() => unknown)[] = [];
    const schema = freshSchema();
    const teardown = { teardown: (action: () => unknown) => last.unshift(action) };
    const replica = () => openTestPostgres(teardown, server, { schema });
    const [{ store }, { store: other }] = await Promise.all([replica(), replica()]);
    const cleanup = async () => {
      for (const action of last) await action();
    };
    return { store, other, cleanup };
  });
});
