import pg from 'pg';
import t from 'tap';
import { noPostgres, startPostgres } from '../../support/postgres.ts';
import { freshSchema, openTestPostgres } from '../../support/postgres-store.ts';
import { createIn, keyring, material, named, otherMaterial, ref } from '../keyrings.ts';

const COUNT = 300;
const NAMES = Array.from({ length: COUNT }, (_, index) => `web-${index}`);

t.test('calls of one turn', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  const owner = new pg.Client(server.url());
  await owner.connect();
  t.teardown(() => owner.end());

  t.test('creations share a commit, and each is won or lost by itself', async (t) => {
    const schema = freshSchema();
    const { store } = await openTestPostgres(t, server, { schema });
    await createIn(store, keyring('web-7'));
    const made = await Promise.all(NAMES.map((name) => store.publish(keyring(name), null, [{ ref: ref(name), material: material() }])));
    t.same(
      NAMES.filter((_, index) => made[index] === null),
      ['web-7'],
    );
    const { rows } = await owner.query(`SELECT count(*)::int, count(DISTINCT changed_xid)::int AS commits FROM ${schema}.keyrings`);
    t.same(rows, [{ count: COUNT, commits: 3 }]);
    t.equal((await store.pageMaterial(null, 500)).items.length, COUNT - 1, 'the lost one left no material');
    const loaded = await Promise.all(NAMES.map((name) => store.load(named(name))));
    t.same(
      loaded.map((stored) => stored?.keyring.name),
      NAMES,
    );
    t.same(
      loaded.map((stored, index) => stored?.revision === made[index]),
      NAMES.map((name) => name !== 'web-7'),
    );
  });

  t.test('two creations of one name: one of them', async (t) => {
    const { store } = await openTestPostgres(t, server);
    const [first, second] = [1, 2].map((version) =>
      store.publish(keyring('web'), null, [{ ref: ref('web', version), material: material() }]),
    );
    const made = await Promise.all([first, second]);
    t.equal(made.filter((revision) => revision === null).length, 1);
    t.equal(
      (await store.load(named('web')))?.revision,
      made.find((revision) => revision !== null),
    );
    t.equal((await store.pageMaterial(null, 10)).items.length, 1);
  });

  t.test('one that cannot be made does not keep the others from it', async (t) => {
    const { store } = await openTestPostgres(t, server);
    const taken = ref('web-5');
    await store.putMaterial(taken, material());
    const made = await Promise.allSettled(
      NAMES.slice(0, 10).map((name) =>
        store.publish(keyring(name), null, [{ ref: name === 'web-5' ? taken : ref(name), material: otherMaterial() }]),
      ),
    );
    const failed = made.flatMap((outcome, index) => (outcome.status === 'rejected' ? [[NAMES[index], outcome.reason.code]] : []));
    t.same(failed, [['web-5', 'material_exists']]);
    t.equal((await store.page(null, 20)).items.length, 9);
  });

  t.test('replicas that create the same keyrings at the same time do not wait for each other in a circle', async (t) => {
    const schema = freshSchema();
    const replicas = await Promise.all([1, 2, 3].map(() => openTestPostgres(t, server, { schema })));
    const shuffled = [NAMES, NAMES.toReversed(), [...NAMES.slice(150), ...NAMES.slice(0, 150)]];
    const made = await Promise.all(
      replicas.flatMap(({ store }, index) =>
        (shuffled[index] ?? []).map((name) => store.publish(keyring(name), null, [{ ref: ref(name), material: material() }])),
      ),
    );
    t.equal(made.filter((revision) => revision !== null).length, COUNT);
    t.equal((await replicas[0]?.store.pageMaterial(null, 500))?.items.length, COUNT);
    await owner.query(`TRUNCATE ${schema}.keyrings`);
    await Promise.all(['b', 'c', 'a'].map((name) => replicas[0]?.store.publish(keyring(name), null, [])));
    const { rows } = await owner.query(`SELECT name FROM ${schema}.keyrings ORDER BY ctid`);
    t.same(
      rows.map(({ name }) => name),
      ['a', 'b', 'c'],
      'they are locked in one order',
    );
  });

  t.test('loads share a question: a damaged document is that of its caller alone, and absence is absence', async (t) => {
    const schema = freshSchema();
    const { store } = await openTestPostgres(t, server, { schema });
    for (const name of ['web', 'shop']) await createIn(store, keyring(name));
    await owner.query(`UPDATE ${schema}.keyrings SET document = '{}' WHERE name = 'web'`);
    const [web, shop, none, again] = await Promise.allSettled(['web', 'shop', 'none', 'shop'].map((name) => store.load(named(name))));
    t.match(web, { status: 'rejected', reason: { code: 'corrupt_document', message: /web/ } });
    t.match([shop, again], [{ value: { keyring: { name: 'shop' } } }, { value: { keyring: { name: 'shop' } } }]);
    t.same(none, { status: 'fulfilled', value: undefined });
  });
});
