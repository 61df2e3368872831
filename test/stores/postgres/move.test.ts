import t from 'tap';
import { noPostgres, startPostgres } from '../../support/postgres.ts';
import { freshSchema, openTestPostgres } from '../../support/postgres-store.ts';
import { createIn, keyring, material, ref, rotated } from '../keyrings.ts';

t.test('the fence holds for every replica until it is taken away; documents that moved cannot be read', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  const schema = freshSchema();
  const one = await openTestPostgres(t, server, { schema });
  const two = await openTestPostgres(t, server, { schema });
  const web = keyring('web');
  const revision = await createIn(two.store, web);
  await two.store.putMaterial(ref('web'), material());
  const mark = { id: '00112233445566aa', phase: 'leaving', other: 'elsewhere' } as const;
  await one.move.write(mark);
  t.same(await two.move.read(), mark);
  const refused = { code: 'store_read_only', message: /being moved/ };
  await t.rejects(two.store.swap(rotated(web), revision), refused);
  await t.rejects(two.store.swap(keyring('api'), null), refused);
  await t.rejects(two.store.putMaterial(ref('web', 2), material()), refused);
  await t.rejects(two.store.destroyMaterial(ref('web')), refused);
  t.equal((await two.store.load(web.name))?.revision, revision, 'reads go on');
  await one.move.write(mark);
  await one.move.write(null);
  t.equal(await two.move.read(), null);
  const next = await two.store.swap(rotated(web), revision);
  t.type(next, 'string');

  await one.move.write(mark);
  await one.move.write({ ...mark, phase: 'moved' });
  await one.move.write({ ...mark, phase: 'moved' });
  await t.rejects(two.store.load(web.name), { code: 'store_unavailable' });
  await t.rejects(
    two.store.changes(null).then(({ cursor }) => two.store.changes(cursor)),
    { code: 'store_unavailable' },
  );
  const three = await openTestPostgres(t, server, { schema });
  t.match(await three.move.read(), { phase: 'moved' }, 'who opens it finds out why');
});
