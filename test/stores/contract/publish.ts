import type { Keyring } from '../../../src/core/keyring.ts';
import type { Secret } from '../../../src/core/secret.ts';
import type { NewMaterial, Publisher } from '../../../src/ports/store.ts';
import type { Promised } from '../conformance.ts';
import { createIn, keyring, MATERIAL_TEXT, material, otherMaterial, ref, rotated } from '../keyrings.ts';

/** For stores that put material and swap in one transaction; the others are skipped. */
export function publishContract(promised: Promised): void {
  const published: Promised = (sentence, tried) =>
    promised(sentence, async (t, opened) => {
      if (opened.store.publish === undefined) return void t.pass('this store does not publish at once', { skip: 'no publish' });
      await tried(t, opened);
    });

  published('document and material come together, at a creation and at a swap', async (t, { store, other }) => {
    const first = keyring('web');
    const created = await asPublisher(store).publish(first, null, [entryOf(first, material())]);
    t.same(await other.load(first.name), { keyring: first, revision: created });
    const second = rotated(first);
    const entries = [entryOf(second, otherMaterial()), { ref: ref('web', 9), material: material() }];
    const revision = await asPublisher(store).publish(second, created, entries);
    t.same(await other.load(first.name), { keyring: second, revision });
    for (const { ref, material } of entries) t.equal((await other.getMaterial(ref))?.reveal(), material.reveal());
    t.equal((await other.getMaterial(entryOf(first, material()).ref))?.reveal(), MATERIAL_TEXT);
  });

  published('a lost swap leaves nothing behind', async (t, { store }) => {
    const first = keyring('web');
    const stale = await createIn(store, first);
    const winner = rotated(first);
    const revision = await store.swap(winner, stale);
    t.equal(await asPublisher(store).publish(rotated(first), stale, [entryOf(first, material())]), null);
    t.equal(await asPublisher(store).publish(keyring('web'), null, [entryOf(first, material())]), null);
    t.same(await store.load(first.name), { keyring: winner, revision });
    t.same((await store.pageMaterial(null, 10)).items, []);
  });

  published('material that exists or was destroyed refuses the whole', async (t, { store }) => {
    const first = keyring('web');
    const revision = await createIn(store, first);
    const [taken, destroyed] = [ref('web', 2), ref('web', 3)];
    await store.putMaterial(taken, material());
    await store.destroyMaterial(destroyed);
    for (const each of [taken, destroyed]) {
      const entries = [
        { ref: ref('web', 4), material: material() },
        { ref: each, material: otherMaterial() },
      ];
      await t.rejects(asPublisher(store).publish(rotated(first), revision, entries), { code: 'material_exists' });
    }
    t.same(await store.load(first.name), { keyring: first, revision });
    t.same(
      (await store.pageMaterial(null, 10)).items.map((entry) => entry.ref),
      [taken],
    );
    t.equal((await store.getMaterial(taken))?.reveal(), MATERIAL_TEXT);
  });
}

function entryOf({ name, versions }: Keyring, key: Secret): NewMaterial {
  const newest = versions.at(-1);
  if (newest === undefined) throw new Error('the keyring has no version');
  return { ref: { keyring: name, version: newest.version, nonce: newest.nonce }, material: key };
}

function asPublisher(store: Partial<Publisher>): Publisher {
  const { publish } = store;
  if (publish === undefined) throw new Error('this store does not publish at once');
  return { publish: publish.bind(store) };
}
