import t from 'tap';
import { MINUTE } from '../../../src/core/time.ts';
import { KEPT_AFTER_END, type LeaseGrant } from '../../../src/ports/leases.ts';
import { openSharedRegistry, type SharedRegistry } from '../../../src/stores/postgres/lease-registry.ts';
import { leaseReaderIn, recordLeases } from '../../../src/stores/postgres/leases.ts';
import { LEASES_SCHEMA, leasesIn } from '../../../src/stores/sqlite/leases.ts';
import { ManualClock } from '../../support/clock.ts';
import fc from '../../support/fast-check.ts';
import { GRANTED, grant, holding } from '../../support/leases.ts';
import { noPostgres, startPostgres } from '../../support/postgres.ts';
import { freshSchema, openTestPostgres } from '../../support/postgres-store.ts';
import { openTestSqlite } from '../../support/sqlite.ts';
import { named } from '../keyrings.ts';

const KEYRINGS = ['web', 'shop'];

/** Of few holders, documents and sessions, so that every rule of the registry comes into play again and again. */
const anyGrant: fc.Arbitrary<LeaseGrant> = fc
  .record({
    keyring: fc.constantFrom(...KEYRINGS),
    instance: fc.constantFrom('web-1', 'web-2', null),
    session: fc.constantFrom('p1', 'p2', 'p3'),
    principal: fc.constantFrom('token:a', 'token:b'),
    address: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    minutes: fc.integer({ min: 0, max: 60 }),
    lease: fc.constantFrom(MINUTE, 10 * MINUTE, 60 * MINUTE),
    document: fc.integer({ min: 1, max: 4 }),
    holds: fc.boolean(),
  })
  .map(({ minutes, document, holds, ...fields }) => grant(holding(document), holds, { ...fields, at: GRANTED + minutes * MINUTE }));

t.test('the registry of leases in PostgreSQL', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);

  t.test('after any grants it says what the embedded one says', async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(anyGrant, { maxLength: 12 }), { minLength: 1, maxLength: 8 }), async (batches) => {
        const schema = freshSchema();
        const ends: (() => unknown)[] = [];
        const teardown = { teardown: (end: () => unknown) => ends.unshift(end) };
        const { connections } = await openTestPostgres(teardown, server, { schema, poolSize: 2 });
        const { database } = openTestSqlite(teardown);
        database.exec(LEASES_SCHEMA);
        const [embedded, shared] = [leasesIn(database), leaseReaderIn(connections, schema)];
        for (const batch of batches) {
          embedded.record(batch);
          await connections.transaction((ask) => recordLeases(ask, schema, batch));
        }
        for (const keyring of KEYRINGS.map(named)) {
          for (const minutes of [0, 20, 70]) {
            const at = GRANTED + minutes * MINUTE;
            t.same(await shared.live(keyring, at), await embedded.live(keyring, at));
          }
          const page = await shared.page(keyring, null, 2);
          t.same(page, await embedded.page(keyring, null, 2));
          t.same(await shared.page(keyring, page.next ?? '', 2), await embedded.page(keyring, page.next ?? '', 2));
        }
        for (const end of ends) await end();
      }),
      { numRuns: 40 },
    );
  });

  t.test('the registry is whole since its beginning, or since the service was away for long, or an answer left unrecorded', async (t) => {
    const schema = freshSchema();
    const { connections } = await openTestPostgres(t, server, { schema });
    const clock = new ManualClock(GRANTED);
    const opened = () => openSharedRegistry({ connections, schema, clock });
    const since = async ({ registry }: SharedRegistry) => registry(async () => undefined).completeSince();
    const first = await opened();
    t.equal(await since(first), GRANTED);
    await clock.advance(9 * MINUTE);
    await first.beat();
    t.equal(await since(await opened()), GRANTED);
    await clock.advance(11 * MINUTE);
    const back = GRANTED + 20 * MINUTE;
    t.equal(await since(await opened()), back);
    first.markIncomplete();
    t.equal(await since(first), back + 1);
    await first.close();
    t.equal(await since(await opened()), back + 1, 'the others learn of it');
  });

  t.test('leases that ended long ago are removed, and no other', async (t) => {
    const schema = freshSchema();
    const { connections } = await openTestPostgres(t, server, { schema });
    const clock = new ManualClock(GRANTED + KEPT_AFTER_END + 2 * MINUTE);
    const registry = await openSharedRegistry({ connections, schema, clock });
    const grants = [grant(holding(1), false, { lease: MINUTE }), grant(holding(1), false, { lease: 3 * MINUTE, instance: 'web-2' })];
    await connections.transaction((ask) => recordLeases(ask, schema, grants));
    await registry.tidy();
    const { items } = await leaseReaderIn(connections, schema).page(named('web'), null, 9);
    t.match(items, [{ instance: 'web-2' }]);
  });
});
