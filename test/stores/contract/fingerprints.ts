import type { Promised } from '../conformance.ts';
import { material, otherMaterial, ref } from '../keyrings.ts';

export function fingerprintContract(promised: Promised): void {
  promised('an entry is found by its material, after its destruction too, and no other is', async (t, { store, fingerprints }) => {
    if (fingerprints === null) return void t.pass('this store has no index of fingerprints', { skip: 'no fingerprints' });
    const [one, two, other] = [ref('web', 1), ref('shop', 7), ref('shop', 8)];
    await store.putMaterial(one, material());
    await store.putMaterial(two, material());
    await store.putMaterial(other, otherMaterial());
    await store.destroyMaterial(one);
    t.same(await fingerprints.find(material()), [one, two]);
    t.same(await fingerprints.find(otherMaterial()), [other]);
  });
}
