import { Secret } from '../../../src/core/secret.ts';
import type { MaterialRef, Store } from '../../../src/ports/store.ts';
import type { Promised } from '../conformance.ts';
import { MATERIAL_TEXT, material, otherMaterial, ref } from '../keyrings.ts';

const read = async (store: Store, of: MaterialRef) => (await store.getMaterial(of))?.reveal();

export function materialContract(promised: Promised): void {
  promised('material that was never stored is absent', async (t, { store }) => {
    t.equal(await store.getMaterial(ref('web')), undefined);
  });

  promised('material comes back as it was stored, whatever its text', async (t, { store, other }) => {
    for (const text of [MATERIAL_TEXT, ' spaces and\nlines ', 'ключ-鍵-🔑'.repeat(4), 'x'.repeat(4096)]) {
      const entry = ref('web');
      await store.putMaterial(entry, new Secret(text));
      t.equal(await read(other, entry), text);
    }
  });

  promised('keyring, version and nonce each tell entries apart', async (t, { store }) => {
    const entry = ref('web', 1);
    await store.putMaterial(entry, material());
    for (const near of [ref('web-', 1, entry.nonce), ref('web', 11, entry.nonce), ref('web', 1)]) {
      t.equal(await store.getMaterial(near), undefined);
      await store.putMaterial(near, otherMaterial());
    }
    t.equal(await read(store, entry), MATERIAL_TEXT);
  });

  promised('material is written once: the same bytes again are harmless, others are refused', async (t, { store, other }) => {
    const entry = ref('web');
    await store.putMaterial(entry, material());
    await other.putMaterial(entry, material());
    await t.rejects(other.putMaterial(entry, otherMaterial()), { code: 'material_exists' });
    await t.rejects(other.putMaterial(entry, new Secret(MATERIAL_TEXT.slice(0, -1))), { code: 'material_exists' });
    t.equal(await read(store, entry), MATERIAL_TEXT);
  });

  promised('of two writers of one entry at once exactly one wins', async (t, { store, other }) => {
    const entry = ref('web');
    const answers = await Promise.allSettled([store.putMaterial(entry, material()), other.putMaterial(entry, otherMaterial())]);
    t.same(answers.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    const winner = answers[0]?.status === 'fulfilled' ? material() : otherMaterial();
    t.equal(await read(store, entry), winner.reveal());
  });

  promised('destroyed material is gone for ever: nothing may be put in its place', async (t, { store, other }) => {
    const [entry, neighbour] = [ref('web', 1), ref('web', 2)];
    for (const each of [entry, neighbour]) await store.putMaterial(each, material());
    await store.destroyMaterial(entry);
    for (const handle of [store, other]) {
      t.equal(await handle.getMaterial(entry), undefined);
      await t.rejects(handle.putMaterial(entry, material()), { code: 'material_exists' });
      await t.rejects(handle.putMaterial(entry, otherMaterial()), { code: 'material_exists' });
    }
    t.equal(await store.getMaterial(entry), undefined, 'the refused puts left nothing');
    t.equal(await read(store, neighbour), MATERIAL_TEXT, 'its neighbour is untouched');
  });

  promised('destroying what is destroyed or never was is harmless', async (t, { store, other }) => {
    const [entry, never] = [ref('web', 1), ref('web', 2)];
    await store.putMaterial(entry, material());
    await store.destroyMaterial(entry);
    await other.destroyMaterial(entry);
    await store.destroyMaterial(never);
    t.equal(await store.getMaterial(entry), undefined);
    t.equal(await store.getMaterial(never), undefined);
  });
}
