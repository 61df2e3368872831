import pg from 'pg';
import t from 'tap';
import { Secret } from '../../../src/core/secret.ts';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { noPostgres, startPostgres } from '../../support/postgres.ts';
import { freshSchema, openTestPostgres } from '../../support/postgres-store.ts';
import { until } from '../../support/replicas.ts';
import { insert, token } from '../contract/tokens.ts';
import { createIn, keyring, loadFrom, MATERIAL_TEXT, material, ref, rotated } from '../keyrings.ts';

t.test('the PostgreSQL store', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  const owner = new pg.Client(server.url());
  await owner.connect();
  owner.on('error', () => undefined);
  t.teardown(() => owner.end());

  t.test('a change that commits late is not missed, though later ones were seen before it', async (t) => {
    const schema = freshSchema();
    const { store } = await openTestPostgres(t, server, { schema });
    for (const name of ['slow', 'quick']) await createIn(store, keyring(name));
    await owner.query('BEGIN');
    await owner.query(`UPDATE ${schema}.keyrings SET changed_xid = pg_current_xact_id() WHERE name = 'slow'`);
    const before = await store.changes(null);
    const { keyring: quick, revision } = await loadFrom(store, 'quick');
    await store.swap(rotated(quick), revision);
    const between = await store.changes(before.cursor);
    t.same(between.names, ['quick']);
    await owner.query('COMMIT');
    const after = await store.changes(between.cursor);
    t.same(after.names, ['slow']);
    t.same((await store.changes(after.cursor)).names, []);
  });

  t.test('rows restored from another server count as changed once, not for ever', async (t) => {
    const schema = freshSchema();
    const first = await openTestPostgres(t, server, { schema });
    await createIn(first.store, keyring('web'));
    await owner.query(`UPDATE ${schema}.keyrings SET changed_xid = '999999999'`);
    const { cursor } = await first.store.changes(null);
    t.same((await first.store.changes(cursor)).names, ['web']);
    const { store } = await openTestPostgres(t, server, { schema });
    t.same((await store.changes((await store.changes(null)).cursor)).names, []);
  });

  t.test('destroyed material leaves a row without its bytes, and no table holds any in the clear', async (t) => {
    const schema = freshSchema();
    const { store } = await openTestPostgres(t, server, { schema });
    const [kept, destroyed] = [ref('web', 1), ref('web', 2)];
    for (const entry of [kept, destroyed]) await store.putMaterial(entry, material());
    await store.publish(keyring('shop'), null, [{ ref: ref('shop'), material: material() }]);
    await store.destroyMaterial(destroyed);
    const { rows } = await owner.query(`SELECT version, sealed IS NULL AS empty FROM ${schema}.material WHERE keyring = 'web' ORDER BY 1`);
    t.same(rows, [
      { version: 1, empty: false },
      { version: 2, empty: true },
    ]);
    const tables = await owner.query('SELECT table_name AS name FROM information_schema.tables WHERE table_schema = $1', [schema]);
    const texts = [MATERIAL_TEXT, Buffer.from(MATERIAL_TEXT).toString('hex')];
    for (const { name } of tables.rows) {
      const everything = JSON.stringify((await owner.query(`SELECT t::text FROM ${schema}.${name} AS t`)).rows);
      for (const text of texts) t.notOk(everything.includes(text), name);
    }
    await owner.query(`UPDATE ${schema}.material SET sealed = sealed || '\\x00' WHERE destroyed_at IS NULL`);
    await t.rejects(store.getMaterial(kept), { code: 'corrupt_material' });
  });

  t.test('a statement that waits too long is ended, and the connection goes on', async (t) => {
    const schema = freshSchema();
    const { store } = await openTestPostgres(t, server, { schema, timeout: 400, poolSize: 2 });
    const document = keyring('web');
    const revision = await createIn(store, document);
    await owner.query(`BEGIN; SELECT 1 FROM ${schema}.keyrings FOR UPDATE`);
    await t.rejects(store.swap(rotated(document), revision), { code: 'store_unavailable' });
    // the server ends the statement too, on a busy machine a moment later: it must not be let through meanwhile
    const waiting = "SELECT pg_stat_clear_snapshot(), pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND state = 'active'";
    await until(async () => (await owner.query(waiting)).rowCount === 0);
    await owner.query('ROLLBACK');
    await until(async () => (await store.load(document.name)) !== undefined);
    t.same(await store.load(document.name), { keyring: document, revision }, 'nothing happened');
  });

  t.test('a password that ends in the middle of service is named, and taken again when it is right, without a start', async (t) => {
    const [role, schema] = [`u_${freshSchema()}`, freshSchema()];
    await owner.query(`CREATE ROLE ${role} LOGIN PASSWORD 'right'; GRANT CREATE ON DATABASE postgres TO ${role}`);
    const url = new Secret(`postgres://${role}:right@127.0.0.1:${server.port}/postgres`);
    const { store } = await openTestPostgres(t, server, { schema, url });
    const revision = await createIn(store, keyring('web'));
    await owner.query(`ALTER ROLE ${role} VALID UNTIL '2020-01-01'`);
    await owner.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [role]);
    const named = { code: 'store_unavailable', message: /refuses the user or the password/ };
    await until(() =>
      store.check().then(
        () => false,
        () => true,
      ),
    );
    await t.rejects(store.check(), named);
    await t.rejects(store.swap(rotated(keyring('web')), revision), named);
    await owner.query(`ALTER ROLE ${role} VALID UNTIL 'infinity'`);
    t.equal((await loadFrom(store, 'web')).revision, revision, 'nothing was changed');
    t.ok(await store.swap(rotated(keyring('web')), revision));
  });

  t.test('a damaged document and a damaged token are named, and are neither absent nor more powerful', async (t) => {
    const schema = freshSchema();
    const { store, tokens } = await openTestPostgres(t, server, { schema });
    for (const name of ['web', 'shop']) await createIn(store, keyring(name));
    await insert(tokens, token('a'));
    await owner.query(`UPDATE ${schema}.keyrings SET document = '{}' WHERE name = 'web'`);
    await owner.query(`UPDATE ${schema}.tokens SET record = replace(record, 'auditor', 'root')`);
    await t.rejects(loadFrom(store, 'web'), { code: 'corrupt_document', message: /web/ });
    await t.rejects(tokens.get(token('a').id), { code: 'corrupt_document', message: /Token a/ });
    t.equal((await loadFrom(store, 'shop')).keyring.name, 'shop');
  });

  t.test('tokens that others issue and revoke are named by the feed, uses are not', async (t) => {
    const schema = freshSchema();
    const [one, two] = await Promise.all([openTestPostgres(t, server, { schema }), openTestPostgres(t, server, { schema })]);
    const [first, second] = [token('a'), token('b')];
    await insert(one.tokens, first);
    const { cursor } = await two.tokens.changed(null);
    await insert(one.tokens, second);
    await one.tokens.markUsed(new Map([[first.id, 60_000]]));
    t.same((await two.tokens.changed(cursor)).tokens, [second]);
    const act = { at: 5, by: first.createdBy, reason: 'lost' };
    await one.tokens.revoke(first.id, act);
    const answer = await two.tokens.changed(cursor);
    t.same(new Set(answer.tokens.map(({ id }) => id)), new Set([first.id, second.id]));
    t.same((await two.tokens.changed(answer.cursor)).tokens, []);
  });

  t.test('what only one replica may do at a time is done one after another', async (t) => {
    const schema = freshSchema();
    const replicas = await Promise.all([1, 2, 3].map(() => openTestPostgres(t, server, { schema })));
    let inside = 0;
    let most = 0;
    const body = async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 10));
      inside--;
    };
    await Promise.all(replicas.map(({ tokens }) => tokens.alone(body)));
    t.equal(most, 1);
  });

  t.test('the listening connection comes back, and then asks for what was missed', async (t) => {
    const proxy = await startFaultProxy(t, server);
    const schema = freshSchema();
    const url = new Secret(server.url(proxy.port));
    const { notices } = await openTestPostgres(t, server, { schema, url });
    const other = await openTestPostgres(t, server, { schema });
    let woken = 0;
    notices.watch(() => woken++);
    await createIn(other.store, keyring('web'));
    await until(async () => woken === 1);
    proxy.reset();
    await until(async () => !notices.listening);
    await until(async () => notices.listening && woken === 2);
    await createIn(other.store, keyring('shop'));
    await until(async () => woken === 3);
  });

  // The last one: it ends the connections of all the others.
  t.test('after a crash of the server everything goes on, and every cursor from before names everything', async (t) => {
    const { store, tokens, notices } = await openTestPostgres(t, server);
    await createIn(store, keyring('web'));
    await insert(tokens, token('a'));
    const [{ cursor }, feed] = [await store.changes(null), await tokens.changed(null)];
    await server.restart();
    await until(() =>
      store.check().then(
        () => true,
        () => false,
      ),
    );
    t.same((await store.changes(cursor)).names, ['web']);
    t.same((await tokens.changed(feed.cursor)).tokens.length, 1);
    await until(async () => notices.listening);
  });
});
