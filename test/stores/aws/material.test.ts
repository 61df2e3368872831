import t from 'tap';
import { Secret } from '../../../src/core/secret.ts';
import { HOUR } from '../../../src/core/time.ts';
import { revoke } from '../../../src/core/transitions/revoke.ts';
import { context, createIn, keyring, loadFrom, MATERIAL_TEXT, material, otherMaterial, ref, rotated } from '../keyrings.ts';
import { openDoubled, PREFIX } from './fixture.ts';

const MASTER_KEY = new Secret('9f'.repeat(32));

t.test('what was destroyed here may not be put here again', async (t) => {
  const { store } = await openDoubled(t);
  const [stored, never] = [ref('web', 1), ref('web', 2)];
  await store.putMaterial(stored, material());
  for (const entry of [stored, never]) {
    await store.destroyMaterial(entry);
    t.equal(await store.getMaterial(entry), undefined);
    for (const text of [material(), otherMaterial()]) await t.rejects(store.putMaterial(entry, text), { code: 'material_exists' });
  }
});

t.test('what the document calls revoked may not be put by any replica, also after a restart', async (t) => {
  const { store, open } = await openDoubled(t);
  const first = rotated(keyring('web'));
  await createIn(store, first);
  const [{ nonce } = { nonce: undefined }] = first.versions;
  const entry = ref('web', 1, nonce);
  await store.putMaterial(entry, material());
  const { keyring: before, revision } = await loadFrom(store, 'web');
  await store.swap(revoke(before, 1, context(before.changed.at + HOUR)).keyring, revision);
  await store.destroyMaterial(entry);
  const { store: other } = await open();
  await t.rejects(other.putMaterial(entry, material()), { code: 'material_exists' });
});

t.test('destruction leaves nothing at AWS: neither a version nor the name', async (t) => {
  const { store, double } = await openDoubled(t);
  const entry = ref('web');
  await store.putMaterial(entry, material());
  t.equal(double.secrets.names.length, 1);
  await store.destroyMaterial(entry);
  t.same(double.secrets.names, []);
});

t.test('destroyed material that AWS still lists and reads late is not answered with', async (t) => {
  const { store, double } = await openDoubled(t);
  const entry = ref('web');
  await store.putMaterial(entry, material());
  double.secrets.remember();
  await store.destroyMaterial(entry);
  double.lateReads = 100;
  double.lateLists = true;
  t.equal(await store.getMaterial(entry), undefined);
  t.same((await store.pageMaterial(null, 10)).items, []);
});

t.test('material that another replica stored a moment ago is not taken for absent', async (t) => {
  const { store, double, open } = await openDoubled(t);
  const { store: other } = await open();
  const entry = ref('web');
  double.secrets.remember();
  await other.putMaterial(entry, material());
  double.lateReads = 3;
  t.equal((await store.getMaterial(entry))?.reveal(), MATERIAL_TEXT);
});

t.test('a put whose answer was lost has happened once', async (t) => {
  const { store, double } = await openDoubled(t);
  const entry = ref('web');
  double.loseNextAnswer('CreateSecret');
  await store.putMaterial(entry, material());
  t.equal((await store.getMaterial(entry))?.reveal(), MATERIAL_TEXT);
  t.equal(double.secrets.names.length, 1);
});

t.test('a name in its recovery window holds no new material', async (t) => {
  const { store, double } = await openDoubled(t);
  const entry = ref('web');
  await store.putMaterial(entry, material());
  double.secrets.schedule(`${PREFIX}/material/web/1/${entry.nonce}`);
  await t.rejects(store.putMaterial(entry, material()), { code: 'material_exists' });
  await t.rejects(store.getMaterial(entry), { code: 'store_read_only' }, 'nor is it absent');
});

t.test('with a master key AWS never sees the material, and without it nobody reads it', async (t) => {
  const { store, double, open } = await openDoubled(t, { masterKey: MASTER_KEY });
  const entry = ref('web');
  await store.putMaterial(entry, material());
  await store.putMaterial(entry, material());
  t.notOk(double.secrets.textsOf(`${PREFIX}/material/web/1/${entry.nonce}`).join().includes(MATERIAL_TEXT));
  t.equal((await store.getMaterial(entry))?.reveal(), MATERIAL_TEXT);
  const { store: without } = await open({ masterKey: null });
  await t.rejects(without.getMaterial(entry), { code: 'corrupt_material', message: /master key/ });
  const { store: wrong } = await open({ masterKey: new Secret('7c'.repeat(32)) });
  await t.rejects(wrong.getMaterial(entry), { code: 'corrupt_material' });
  await t.rejects(open({ masterKey: new Secret('short') }), { code: 'invalid_config' });
});

t.test('material of before the master key still opens beside it', async (t) => {
  const { store, open } = await openDoubled(t);
  const entry = ref('web');
  await store.putMaterial(entry, material());
  const { store: sealing } = await open({ masterKey: MASTER_KEY });
  t.equal((await sealing.getMaterial(entry))?.reveal(), MATERIAL_TEXT);
});

t.test('a secret that is not ours is corrupt material, not an empty key', async (t) => {
  const { store, double } = await openDoubled(t);
  for (const [index, SecretString] of ['', '{}', 'null', '{"keyturn":1,"key":7}', '{"keyturn":1,"sealed":"AAAA"}'].entries()) {
    const entry = ref('web', index + 1);
    double.secrets.create({ Name: `${PREFIX}/material/web/${index + 1}/${entry.nonce}`, SecretString, ClientRequestToken: 'x' });
    await t.rejects(store.getMaterial(entry), { code: 'corrupt_material' }, SecretString);
  }
});
