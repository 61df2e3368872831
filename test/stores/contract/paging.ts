import type { KeyringName } from '../../../src/core/name.ts';
import { MINUTE } from '../../../src/core/time.ts';
import type { MaterialEntry, Page, Store } from '../../../src/ports/store.ts';
import type { Promised } from '../conformance.ts';
import { createIn, keyring, material, named, ref } from '../keyrings.ts';

/** Every page up to the last; each but the last must be full. */
async function pages<Item, Cursor>(page: (after: Cursor | null) => Promise<Page<Item, Cursor>>): Promise<(readonly Item[])[]> {
  const all: (readonly Item[])[] = [];
  let after: Cursor | null = null;
  do {
    const { items, next }: Page<Item, Cursor> = await page(after);
    all.push(items);
    after = next;
  } while (after !== null);
  return all;
}

const namesIn = async (store: Store, limit: number) => (await pages<KeyringName, KeyringName>((after) => store.page(after, limit))).flat();
const entriesIn = async (store: Store, limit: number) =>
  (await pages<MaterialEntry, string>((after) => store.pageMaterial(after, limit))).flat();

export function pagingContract(promised: Promised): void {
  promised('an empty store has one empty page', async (t, { store }) => {
    t.same(await store.page(null, 10), { items: [], next: null });
    t.same(await store.pageMaterial(null, 10), { items: [], next: null });
  });

  promised('names come in the order of their bytes, page by page, each once', async (t, { store }) => {
    const sorted = ['0', '9z', 'a', 'a-', 'a-b', 'a.', 'a.b', 'a0', 'a_', 'ab', 'b', 'z'];
    for (const name of [...sorted].reverse()) await createIn(store, keyring(name));
    for (const limit of [1, 2, 5, 11, 12, 13, 100]) t.same(await namesIn(store, limit), sorted, `limit ${limit}`);
    t.same((await store.page(named('a-b'), 3)).items, ['a.', 'a.b', 'a0'], 'after a name that exists');
    t.same((await store.page(named('a-c'), 3)).items, ['a.', 'a.b', 'a0'], 'after a name that does not');
    t.same(await store.page(named('z'), 3), { items: [], next: null });
  });

  promised('a page is never longer than its limit, and the last one says that it is the last', async (t, { store }) => {
    for (const name of ['a', 'b', 'c', 'd']) await createIn(store, keyring(name));
    t.same(await store.page(null, 3), { items: ['a', 'b', 'c'], next: 'c' });
    t.same(await store.page(named('c'), 3), { items: ['d'], next: null });
    t.same(await store.page(null, 4), { items: ['a', 'b', 'c', 'd'], next: null });
  });

  promised('a name that is created between two pages neither hides nor repeats another', async (t, { store }) => {
    for (const name of ['b', 'd', 'f', 'h']) await createIn(store, keyring(name));
    const first = await store.page(null, 2);
    for (const name of ['a', 'e']) await createIn(store, keyring(name));
    const second = await store.page(first.next, 10);
    t.same([...first.items, ...second.items], ['b', 'd', 'e', 'f', 'h']);
  });

  promised('material that exists is listed page by page, each entry once; destroyed material is not', async (t, { store }) => {
    const refs = ['a', 'a.b', 'b'].flatMap((name) => [1, 2, 10].map((version) => ref(name, version)));
    for (const entry of refs) await store.putMaterial(entry, material());
    for (const entry of refs.slice(0, 2)) await store.destroyMaterial(entry);
    await store.destroyMaterial(ref('never'));
    for (const limit of [1, 3, 7, 100]) {
      const found = (await entriesIn(store, limit)).map((entry) => JSON.stringify(entry.ref));
      t.same(
        found.sort(),
        refs
          .slice(2)
          .map((entry) => JSON.stringify(entry))
          .sort(),
        `limit ${limit}`,
      );
    }
  });

  promised('a material entry tells when it was stored, in whole milliseconds', async (t, { store }) => {
    await store.putMaterial(ref('web'), material());
    const [entry] = await entriesIn(store, 10);
    t.ok(Number.isInteger(entry?.storedAt));
    t.ok((entry?.storedAt ?? 0) > 1e12 + MINUTE, 'milliseconds, not seconds');
  });
}
