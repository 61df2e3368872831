import t, { type Test } from 'tap';
import { Secret } from '../../../src/core/secret.ts';
import { freshPrefix, openTestVault, rawCalls, testVault } from '../../support/vault.ts';
import { startVaultDouble } from '../../support/vault-double/double.ts';
import { createIn, keyring, MATERIAL_TEXT, material, otherMaterial, ref } from '../keyrings.ts';

async function opened(t: Test) {
  const server = await testVault(t);
  const prefix = freshPrefix();
  const { store } = await openTestVault(t, { ...server, prefix });
  const raw = rawCalls(server);
  const at = (kind: string, path: string, query = '') => `${server.mount}/${kind}/${prefix}/${path}${query}`;
  return { store, raw, at };
}

const entry = ref('web', 3);
const path = `material/web/3-${entry.nonce}`;

t.test('of destroyed material Vault itself has nothing left: not in its versions, not to undelete, only that it was', async (t) => {
  const { store, raw, at } = await opened(t);
  await store.putMaterial(entry, material());
  t.match((await raw('GET', at('data', path))).body, { data: { data: { material: MATERIAL_TEXT } } });
  await store.destroyMaterial(entry);
  await raw('POST', at('undelete', path), { versions: [1] });
  for (const query of ['', '?version=1', '?version=2']) {
    const answer = await raw('GET', at('data', path, query));
    t.equal(answer.status, 404, query);
    t.notMatch(JSON.stringify(answer.body), MATERIAL_TEXT);
  }
  const { body } = await raw('GET', at('metadata', path));
  t.match(body, { data: { current_version: 1, versions: { 1: { destroyed: true } } } });
});

t.test('a put that was on its way when its entry was destroyed comes too late', async (t) => {
  const { store, raw, at } = await opened(t);
  await store.destroyMaterial(entry);
  await t.rejects(store.putMaterial(entry, otherMaterial()), { code: 'material_exists' });
  t.equal((await raw('GET', at('data', path))).status, 404);
  t.same((await store.pageMaterial(null, 10)).items, []);
});

t.test('no document, in any version that Vault keeps, holds a key; and Vault keeps few', async (t) => {
  const { store, raw, at } = await opened(t);
  await store.putMaterial(entry, material());
  let revision = await createIn(store, keyring('web'));
  for (let swaps = 0; swaps < 9; swaps++) revision = (await store.swap(keyring('web'), revision)) ?? revision;
  const { body } = await raw('GET', at('metadata', 'keyrings/web'));
  t.match(body, { data: { cas_required: true, current_version: 10 } });
  const kept = await Promise.all(Array.from({ length: 10 }, (_, index) => raw('GET', at('data', 'keyrings/web', `?version=${index + 1}`))));
  t.same(
    kept.map(({ status }) => status),
    [404, 404, 404, 404, 404, 200, 200, 200, 200, 200],
  );
  t.notMatch(JSON.stringify(kept), MATERIAL_TEXT);
});

t.test('what other hands deleted in Vault is a fault that says so, and neither absence nor a new beginning', async (t) => {
  const { store, raw, at } = await opened(t);
  await store.putMaterial(entry, material());
  await createIn(store, keyring('web'));
  for (const deleted of [path, 'keyrings/web']) await raw('DELETE', at('data', deleted));
  await t.rejects(store.getMaterial(entry), { code: 'corrupt_material', message: /deleted in Vault by other hands/ });
  await t.rejects(store.load(keyring('web').name), { code: 'corrupt_document', message: /Undelete its last version/ });
  t.equal(await store.swap(keyring('web'), null), null);
  for (const deleted of [path, 'keyrings/web']) await raw('POST', at('undelete', deleted), { versions: [1] });
  t.equal((await store.load(keyring('web').name))?.keyring.name, 'web');
  t.ok(await store.getMaterial(entry));
});

t.test('tombstones are looked at once in the life of a process', async (t) => {
  const { vault, address } = await startVaultDouble(t);
  const auth = { method: 'token', token: new Secret(vault.rootToken) } as const;
  const { store } = await openTestVault(t, { address, mount: 'secret', prefix: 'keyturn', auth });
  const refs = Array.from({ length: 20 }, (_, index) => ref('web', index + 1));
  for (const each of refs) await store.putMaterial(each, material());
  for (const each of refs.slice(1)) await store.destroyMaterial(each);
  const looked = async () => {
    const before = vault.asked.length;
    t.equal((await store.pageMaterial(null, 10)).items.length, 1);
    return vault.asked.slice(before).filter(({ path }) => path.includes('/metadata/') && path.includes('-')).length;
  };
  t.same([await looked(), await looked()], [20, 1]);
});
