import pg from 'pg';
import t from 'tap';
import { verifyLedger } from '../../../src/audit/verify.ts';
import { Secret } from '../../../src/core/secret.ts';
import { readAddress } from '../../../src/stores/postgres/address.ts';
import { postgresLedgerReader } from '../../../src/stores/postgres/audit/reader.ts';
import { threadedPostgresLedger } from '../../../src/stores/postgres/audit/thread.ts';
import { openPostgresLedger } from '../../../src/stores/postgres/audit/writer.ts';
import { Connections, nameOfSessions } from '../../../src/stores/postgres/connections.ts';
import { leaseReaderIn } from '../../../src/stores/postgres/leases.ts';
import { migrate } from '../../../src/stores/postgres/migrations.ts';
import type { OpenLedger } from '../../../src/stores/postgres/postgres.ts';
import { AT, commit, newKeys, texts } from '../../audit/fixture.ts';
import { ledgerConformance, type OpenedLedger } from '../../audit/ledger-conformance.ts';
import { GRANTED, grant, holding } from '../../support/leases.ts';
import { noPostgres, startPostgres } from '../../support/postgres.ts';
import { freshSchema } from '../../support/postgres-store.ts';
import { named } from '../keyrings.ts';

interface Tap {
  teardown(action: () => unknown): void;
}

t.test('the audit log in PostgreSQL', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  const owner = new pg.Client(server.url());
  await owner.connect();
  t.teardown(() => owner.end());

  /** A replica's part in the log of a schema. */
  async function open(
    t: Tap,
    schema: string,
    keys = newKeys(),
    openLedger: OpenLedger = openPostgresLedger,
  ): Promise<OpenedLedger & { readonly leases: ReturnType<typeof leaseReaderIn> }> {
    const connections = new Connections(pg, readAddress(new Secret(server.url()), null), { poolSize: 4, timeout: 5_000 });
    t.teardown(() => connections.close());
    await migrate(connections, schema);
    const ledger = await openLedger({ connections, schema, keys });
    t.teardown(() => ledger.close().catch(() => undefined));
    return { ledger, reader: postgresLedgerReader(connections, schema), leases: leaseReaderIn(connections, schema) };
  }

  t.test('it is a ledger like the others', async (t) => {
    ledgerConformance(t, async (t) => {
      const schema = freshSchema();
      return (keys) => open(t, schema, keys);
    });
  });

  const onThread: OpenLedger = ({ schema, keys }) => threadedPostgresLedger({ url: new Secret(server.url()), caFile: null, schema }, keys);

  t.test('on a thread of its own too', async (t) => {
    ledgerConformance(t, async (t) => {
      const schema = freshSchema();
      return (keys) => open(t, schema, keys, onThread);
    });
    t.test('with connections of its own, named as those of the service', async (t) => {
      const schema = freshSchema();
      const { ledger } = await open(t, schema, newKeys(), onThread);
      const sessions = async (): Promise<number> => {
        const { rows } = await owner.query('SELECT pid FROM pg_stat_activity WHERE application_name = $1', [nameOfSessions(schema)]);
        return rows.length;
      };
      t.equal(await sessions(), 1);
      await ledger.close();
      t.equal(await sessions(), 0, 'and ended with it');
      await t.rejects(commit(ledger, texts(1, 1)), { code: 'audit_unavailable' });
    });
  });

  t.test('batches of several replicas make one chain, which each of them can verify', async (t) => {
    const [schema, keys] = [freshSchema(), newKeys()];
    const replicas = await Promise.all([1, 2, 3].map(() => open(t, schema, keys)));
    const writing = replicas.map(async ({ ledger }, replica) => {
      for (let batch = 0; batch < 15; batch++) await commit(ledger, texts(1 + (batch % 4), replica * 1_000 + batch * 10));
    });
    await Promise.all(writing);
    for (const { reader } of replicas) {
      const verdict = await verifyLedger(reader, { mac: keys.mac, publicKey: keys.publicKey, known: null });
      t.match(verdict, { intact: true, from: 1, to: 108, records: 108 });
    }
  });

  t.test('a log whose end was changed is not written on, by a replica that runs nor by one that starts', async (t) => {
    const tamperings = [
      (schema: string) => `UPDATE ${schema}.audit_head SET sequence = sequence - 1`,
      (schema: string) => `DELETE FROM ${schema}.audit_head`,
    ];
    for (const tamper of tamperings) {
      const [schema, keys] = [freshSchema(), newKeys()];
      const { ledger, reader } = await open(t, schema, keys);
      await commit(ledger, texts(3));
      await owner.query(tamper(schema));
      await t.rejects(commit(ledger, texts(1, 4)), { code: 'corrupt_document' });
      await t.rejects(open(t, schema, keys), { code: 'corrupt_document' });
      t.match(await verifyLedger(reader, { mac: keys.mac, publicKey: keys.publicKey, known: null }), { intact: false });
    }
    const [schema, keys] = [freshSchema(), newKeys()];
    const { ledger } = await open(t, schema, keys);
    for (const from of [1, 2]) await commit(ledger, texts(1, from));
    await owner.query(`DELETE FROM ${schema}.audit_blocks WHERE first = 2`);
    await t.rejects(open(t, schema, keys), { code: 'corrupt_document' }, 'blocks cut off at the end');
  });

  t.test('a lease is written with its record or not at all', async (t) => {
    const { ledger, leases } = await open(t, freshSchema());
    const lease = grant(holding(1), false);
    const write = (line: string) =>
      new Promise<Error | null>((resolve) => ledger.commit({ texts: [line], leases: [lease], changes: [], at: AT }, resolve));
    t.ok((await write('x'.repeat(9_000))) instanceof Error);
    t.same(await leases.live(named('web'), GRANTED), []);
    t.equal(await write(texts(1)[0] ?? ''), null);
    t.match(await leases.live(named('web'), GRANTED), [{ instance: 'web-1', until: lease.until }]);
  });
});
