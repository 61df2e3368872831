import type { Keyring } from '../../../src/core/keyring.ts';
import type { Revision, Store } from '../../../src/ports/store.ts';
import type { Promised } from '../conformance.ts';
import { context, createIn, keyring, loadFrom, named, rotated } from '../keyrings.ts';

const WRITERS = 100;

export function raceContract(promised: Promised): void {
  promised('of a swap inside a swap exactly one wins: the inner one', async (t, { store, other }) => {
    await createIn(store, keyring('web'));
    const outer = await loadFrom(store, 'web');
    const inner = await loadFrom(other, 'web');
    const winner = rotated(inner.keyring);
    const revision = await other.swap(winner, inner.revision);
    t.type(revision, 'string');
    t.equal(await store.swap(rotated(outer.keyring), outer.revision), null);
    t.same(await store.load(named('web')), { keyring: winner, revision });
  });

  promised('of a creation inside a creation exactly one wins: the inner one', async (t, { store, other }) => {
    t.equal(await store.load(named('web')), undefined);
    const winner = keyring('web');
    const revision = await createIn(other, winner);
    t.equal(await store.swap(keyring('web'), null), null);
    t.same(await store.load(named('web')), { keyring: winner, revision });
  });

  promised('of many creations at once exactly one wins, and it is the one that is read', async (t, { store, other }) => {
    const documents = Array.from({ length: 20 }, () => keyring('web'));
    const answers = await Promise.all(documents.map((document, index) => (index % 2 ? store : other).swap(document, null)));
    const winners = documents.filter((_, index) => answers[index] !== null);
    t.equal(winners.length, 1);
    t.same((await loadFrom(store, 'web')).keyring, winners[0]);
  });

  promised(`of ${WRITERS} writers at once none loses its update`, async (t, { store, other }) => {
    await createIn(store, keyring('web'));
    const writers = Array.from({ length: WRITERS }, (_, index) => addOne(index % 2 ? store : other));
    const revisions = await Promise.all(writers);
    const { policy } = (await loadFrom(store, 'web')).keyring;
    t.equal(policy.tokenLifetimeSeconds, keyring('web').policy.tokenLifetimeSeconds + WRITERS);
    t.equal(new Set(revisions).size, WRITERS, 'every winner has a revision of its own');
  });
}

/** Adds one to a number in the document, as often as it takes. */
async function addOne(store: Store): Promise<Revision> {
  for (;;) {
    const { keyring: before, revision } = await loadFrom(store, 'web');
    const swapped = await store.swap(plusOne(before), revision);
    if (swapped !== null) return swapped;
  }
}

function plusOne(before: Keyring): Keyring {
  const policy = { ...before.policy, tokenLifetimeSeconds: before.policy.tokenLifetimeSeconds + 1 };
  return { ...before, policy, changed: { ...before.changed, id: context().changeId } };
}
