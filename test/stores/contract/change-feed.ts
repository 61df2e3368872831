import type { ChangeFeed } from '../../../src/ports/store.ts';
import type { Promised } from '../conformance.ts';
import { createIn, keyring, loadFrom, rotated } from '../keyrings.ts';

/** For stores that have the feed; the others are skipped. An answer may name more than what changed, never less. */
export function changeFeedContract(promised: Promised): void {
  const fed: Promised = (sentence, tried) =>
    promised(sentence, async (t, opened) => {
      if (opened.store.changes === undefined) return void t.pass('this store has no change feed', { skip: 'no change feed' });
      await tried(t, opened);
    });

  fed('the first answer is a cursor without names', async (t, { store }) => {
    await createIn(store, keyring('web'));
    t.same((await asFeed(store).changes(null)).names, []);
  });

  fed('what was created or swapped after a cursor was issued is named, by every answer from that cursor', async (t, { store, other }) => {
    const revision = await createIn(store, keyring('old'));
    const { cursor } = await asFeed(store).changes(null);
    await other.swap(rotated((await loadFrom(other, 'old')).keyring), revision);
    await createIn(other, keyring('new'));
    for (const asked of ['first', 'again']) t.same([...(await asFeed(store).changes(cursor)).names].sort(), ['new', 'old'], asked);
  });

  fed('cursors go on: each answer carries the one to ask from next', async (t, { store }) => {
    let { cursor } = await asFeed(store).changes(null);
    for (const name of ['a', 'b', 'c']) {
      await createIn(store, keyring(name));
      const answer = await asFeed(store).changes(cursor);
      t.ok(answer.names.some((changed) => changed === name));
      cursor = answer.cursor;
    }
  });

  fed('a document swapped many times since is named once', async (t, { store }) => {
    const { cursor } = await asFeed(store).changes(null);
    await createIn(store, keyring('web'));
    for (let swaps = 0; swaps < 3; swaps++) {
      const { keyring: before, revision } = await loadFrom(store, 'web');
      await store.swap(rotated(before), revision);
    }
    t.same((await asFeed(store).changes(cursor)).names, ['web']);
  });

  fed('with nothing changed, nothing is named', async (t, { store }) => {
    await createIn(store, keyring('web'));
    const { cursor } = await asFeed(store).changes(null);
    t.same((await asFeed(store).changes(cursor)).names, []);
  });
}

function asFeed(store: Partial<ChangeFeed>): ChangeFeed {
  const { changes } = store;
  if (changes === undefined) throw new Error('this store has no change feed');
  return { changes: changes.bind(store) };
}
