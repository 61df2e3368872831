import type { Promised } from '../conformance.ts';
import { createIn, keyring, loadFrom, named, rotated, T0, withPast } from '../keyrings.ts';

export function documentContract(promised: Promised): void {
  promised('a document that was never written is absent, and asking creates nothing', async (t, { store }) => {
    t.equal(await store.load(named('web')), undefined);
    t.equal(await store.load(named('web')), undefined);
    t.same((await store.page(null, 10)).items, []);
  });

  promised('a document comes back as it was written, to the millisecond', async (t, { store, other }) => {
    const document = rotated(rotated(keyring('web', T0 + 1)));
    const revision = await createIn(store, document);
    t.same(await other.load(named('web')), { keyring: document, revision });
    t.equal((await loadFrom(other, 'web')).keyring.created.at, T0 + 1);
  });

  promised('a swap replaces the document and gives it a new revision', async (t, { store, other }) => {
    const first = keyring('web');
    const expected = await createIn(store, first);
    const second = rotated(first);
    const revision = await store.swap(second, expected);
    t.not(revision, expected);
    t.same(await other.load(named('web')), { keyring: second, revision });
  });

  promised('revisions never repeat, not even when an earlier document comes back', async (t, { store }) => {
    const document = keyring('web');
    const seen = [await createIn(store, document)];
    for (let swaps = 0; swaps < 20; swaps++) {
      const revision = await store.swap(document, seen.at(-1) ?? null);
      if (revision !== null) seen.push(revision);
    }
    t.equal(new Set(seen).size, 21);
    for (const revision of seen) t.match(revision, /^[A-Za-z0-9._-]{1,64}$/);
  });

  promised('names at the limits of the alphabet are names of their own', async (t, { store }) => {
    const names = ['0', 'a', 'a.', 'a..', 'a-', 'a_', 'a.b', 'a-b', 'a_b', 'ab', '9'.repeat(63), 'z'.repeat(63), `a${'.'.repeat(62)}`];
    for (const name of names) await createIn(store, keyring(name));
    for (const name of names) t.equal((await loadFrom(store, name)).keyring.name, name);
    t.equal((await store.page(null, 100)).items.length, names.length);
  });

  promised('a keyring with 500 past versions is kept whole', async (t, { store, other }) => {
    const document = withPast('web', 500);
    await createIn(store, document);
    t.same((await loadFrom(other, 'web')).keyring, document);
  });

  promised('a swap that is refused changes nothing', async (t, { store }) => {
    const first = keyring('web');
    const stale = await createIn(store, first);
    const second = rotated(first);
    const revision = await store.swap(second, stale);
    t.equal(await store.swap(rotated(first), stale), null, 'a stale revision');
    t.equal(await store.swap(keyring('web'), null), null, 'creation of what exists');
    t.equal(await store.swap(keyring('absent'), stale), null, 'a revision of another document');
    t.same(await store.load(named('web')), { keyring: second, revision });
    t.equal(await store.load(named('absent')), undefined);
  });
}
