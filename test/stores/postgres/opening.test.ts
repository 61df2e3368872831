import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import pg from 'pg';
import t, { type Test } from 'tap';
import { NEWEST_CHECKPOINTS } from '../../../src/audit/checkpoints.ts';
import { ALL_MOVED, NOT_MOVED } from '../../../src/audit/spool.ts';
import { KeyturnError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { AT, commit, texts } from '../../audit/fixture.ts';
import { noPostgres, startPostgres } from '../../support/postgres.ts';
import { freshSchema, MASTER_KEY, openTestPostgres } from '../../support/postgres-store.ts';
import { createIn, keyring, loadFrom, material, named, ref } from '../keyrings.ts';

/** What docs/stores.md tells an operator to grant to a service that does not own the schema: the lines about tables. */
const grants = (schema: string): string =>
  [...readFileSync('docs/stores.md', 'utf8').matchAll(/^(?:GRANT|REVOKE) .*keyturn_service;$/gm)]
    .map(([line]) => line)
    .filter((line) => !line.includes('DATABASE'))
    .join('\n')
    .replaceAll('keyturn_service', 'limited')
    .replaceAll('keyturn.', `${schema}.`)
    .replaceAll('SCHEMA keyturn', `SCHEMA ${schema}`);

t.test('opening the PostgreSQL store', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  const owner = new pg.Client(server.url());
  await owner.connect();
  t.teardown(() => owner.end());

  async function failure(t: Test, url: string, schema = freshSchema()): Promise<KeyturnError> {
    try {
      await openTestPostgres(t, server, { url: new Secret(url), schema });
    } catch (error) {
      if (error instanceof KeyturnError) return error;
      throw error;
    }
    throw new Error('it was opened');
  }

  t.test('replicas that start at the same time on nothing all start', async (t) => {
    const schema = freshSchema();
    const replicas = await Promise.all([1, 2, 3, 4].map(() => openTestPostgres(t, server, { schema })));
    for (const [index, { store }] of replicas.entries()) await createIn(store, keyring(`web-${index}`));
    for (const { store } of replicas) t.equal((await store.page(null, 10)).items.length, 4);
  });

  t.test('another master key is refused, and the right one still opens', async (t) => {
    const schema = freshSchema();
    const entry = ref('web');
    await (await openTestPostgres(t, server, { schema })).store.putMaterial(entry, material());
    const wrong = openTestPostgres(t, server, { schema, masterKey: new Secret('7c'.repeat(32)) });
    await t.rejects(wrong, { code: 'wrong_master_key' });
    const again = await openTestPostgres(t, server, { schema, masterKey: MASTER_KEY });
    t.equal((await again.store.getMaterial(entry))?.reveal(), material().reveal());
  });

  t.test('a schema of a newer Keyturn is refused', async (t) => {
    const schema = freshSchema();
    await openTestPostgres(t, server, { schema });
    await owner.query(`UPDATE ${schema}.meta SET value = '99' WHERE name = 'schema_version'`);
    t.match(await failure(t, server.url(), schema), { code: 'invalid_config', message: /newer Keyturn/ });
  });

  t.test('a user that owns nothing needs the grants of the documentation and no more', async (t) => {
    const schema = freshSchema();
    await (await openTestPostgres(t, server, { schema })).close();
    await owner.query(`CREATE ROLE limited LOGIN PASSWORD 'limited'; GRANT USAGE ON SCHEMA ${schema} TO limited`);
    const url = `postgres://limited:limited@127.0.0.1:${server.port}/postgres`;
    t.match(await failure(t, url, schema), { code: 'store_read_only', message: /docs\/stores.md/ });
    await owner.query(grants(schema));
    const { store, tokens, log } = await openTestPostgres(t, server, { schema, url: new Secret(url) });
    const document = keyring('web');
    await store.publish(document, null, [{ ref: ref('web'), material: material() }]);
    await store.putMaterial(ref('web', 2), material());
    await store.destroyMaterial(ref('web', 2));
    await store.check();
    t.same((await loadFrom(store, 'web')).keyring, document);
    t.same((await tokens.page(null, 1)).items, []);
    await commit(log.writer, texts(2));
    for (let count = 0; count < NEWEST_CHECKPOINTS + 5; count++) {
      await commit(log.writer, texts(1));
      await log.writer.checkpoint(AT);
    }
    t.ok((await log.reader.checkpoints()).length <= NEWEST_CHECKPOINTS + 1, 'its checkpoints are bounded');
    await log.registry.tidy();
    const spooled = texts(1, 3).map((text) => ({ text, doubt: null }));
    await log.spools.take({ spool: 'S-host-1', after: NOT_MOVED, mark: 1, texts: spooled, at: AT });
    await log.spools.take({ spool: 'S-host-1', after: 1, mark: ALL_MOVED, texts: [], at: AT });
    const limited = new pg.Client(url);
    await limited.connect();
    await t.rejects(limited.query(`UPDATE ${schema}.audit_blocks SET count = 1`), { code: '42501' });
    await limited.end();

    await owner.query('ALTER ROLE limited SET default_transaction_read_only = on');
    t.match(await failure(t, url, schema), { code: 'store_read_only', message: /standby/ });
  });

  t.test('what is wrong with the address is said, and the password is not', async (t) => {
    const { password, port } = server;
    const refusals: [string, object][] = [
      [
        `postgres://keyturn:${password}x@127.0.0.1:${port}/postgres`,
        { code: 'store_unavailable', message: /refuses the user or the password/ },
      ],
      [`postgres://keyturn:${password}@127.0.0.1:${port}/absent`, { code: 'store_unavailable', message: /no such database/ }],
      [`postgres://keyturn:${password}@127.0.0.1:1/postgres`, { code: 'store_unavailable', message: /refuses connections/ }],
      [`postgres://keyturn:${password}@127.0.0.1:${port}/postgres?sslmode=require`, { code: 'store_unavailable' }],
      [`postgres://keyturn:${password}@127.0.0.1:${port}/postgres?sslmode=prefer`, { code: 'invalid_config', message: /sslmode/ }],
    ];
    for (const [url, expected] of refusals) {
      const error = await failure(t, url);
      t.match(error, expected);
      t.notOk(inspect(error, { depth: 20, showHidden: true }).includes(password));
    }
  });

  t.test('connections are bounded, and all callers are served', async (t) => {
    const { store } = await openTestPostgres(t, server, { poolSize: 2 });
    await createIn(store, keyring('web'));
    const open = async (): Promise<number> => {
      const { rows } = await owner.query("SELECT count(*)::int AS open FROM pg_stat_activity WHERE application_name LIKE 'keyturn %'");
      return rows[0].open;
    };
    const before = await open();
    const loads = Promise.all(Array.from({ length: 200 }, () => store.load(named('web'))));
    const seen = [await open(), await open(), await open()];
    await loads;
    t.ok(Math.max(...seen) <= before + 1, `${seen}`);
  });

  t.test('too many connections are an outage that says so', async (t) => {
    await owner.query("CREATE ROLE few LOGIN PASSWORD 'few' CONNECTION LIMIT 0");
    const error = await failure(t, `postgres://few:few@127.0.0.1:${server.port}/postgres`);
    t.match(error, { code: 'store_unavailable', message: /too many connections/ });
  });
});
