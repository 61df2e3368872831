import { DAY, type Instant } from '../../../src/core/time.ts';
import type { DueEntry, DueIndex } from '../../../src/ports/store.ts';
import type { Promised } from '../conformance.ts';
import { createIn, dueOn, keyring, loadFrom, named, T0 } from '../keyrings.ts';

const entry = (name: string, dueAt: Instant): DueEntry => ({ name: named(name), dueAt });

/** Every page up to the first that is not full. */
async function allDue(index: DueIndex, now: Instant, limit: number): Promise<DueEntry[]> {
  const all: DueEntry[] = [];
  for (;;) {
    const page = await index.due(now, all.at(-1) ?? null, limit);
    all.push(...page);
    if (page.length < limit) return all;
  }
}

/** For stores that have the index; the others are skipped. */
export function dueIndexContract(promised: Promised): void {
  const indexed: Promised = (sentence, tried) =>
    promised(sentence, async (t, opened) => {
      if (opened.store.due === undefined) return void t.pass('this store has no due index', { skip: 'no due index' });
      await tried(t, opened);
    });

  indexed('keyrings are due in the order of their instants, then of their names, page by page', async (t, { store }) => {
    const entries = [entry('z', T0), entry('a', T0 + 1), entry('b', T0 + 1), entry('c', T0 + 1), entry('0', T0 + DAY)];
    for (const { name, dueAt } of [...entries].reverse()) await createIn(store, dueOn(keyring(name), dueAt));
    await createIn(store, dueOn(keyring('never'), null));
    for (const limit of [1, 2, 3, 5, 10]) t.same(await allDue(asIndex(store), T0 + DAY, limit), entries, `limit ${limit}`);
  });

  indexed('a keyring is due at its instant and not a millisecond before', async (t, { store }) => {
    await createIn(store, dueOn(keyring('web'), T0 + 1000));
    t.same(await allDue(asIndex(store), T0 + 999, 10), []);
    t.same(await allDue(asIndex(store), T0 + 1000, 10), [entry('web', T0 + 1000)]);
  });

  indexed('a swap moves a keyring in the index; a lost one does not', async (t, { store }) => {
    const revision = await createIn(store, dueOn(keyring('web'), T0));
    const { keyring: before } = await loadFrom(store, 'web');
    await store.swap(dueOn(before, T0 + DAY), revision);
    await store.swap(dueOn(before, T0 + 5), revision);
    t.same(await allDue(asIndex(store), T0 + DAY, 10), [entry('web', T0 + DAY)]);
  });

  indexed('what is no longer due leaves the index', async (t, { store }) => {
    const revision = await createIn(store, dueOn(keyring('web'), T0));
    await store.swap(dueOn((await loadFrom(store, 'web')).keyring, null), revision);
    t.same(await allDue(asIndex(store), T0 + 1000 * DAY, 10), []);
  });
}

function asIndex(store: Partial<DueIndex>): DueIndex {
  const { due } = store;
  if (due === undefined) throw new Error('this store has no due index');
  return { due: due.bind(store) };
}
