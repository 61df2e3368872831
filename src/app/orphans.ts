import type { Instant } from '../core/time.ts';
import type { MaterialEntry, Store } from '../ports/store.ts';

/** Looked at in one turn of the event loop: an embedded store answers at once, and requests must not wait for them all. */
const PAGE = 10;

/**
 * Destroys material that no document refers to: what a writer left that crashed, or gave up, between storing a key and its swap.
 *
 * @param storedBefore later entries may belong to a writer that is about to swap: further back than any swap may take, or the start of this process
 * where it is the only writer
 * @param nextTurn lets the requests that have come meanwhile be answered
 * @returns how many were destroyed
 * @throws KeyturnError `store_unavailable` …
 */
export async function destroyOrphans(store: Store, storedBefore: Instant, nextTurn: () => Promise<unknown>): Promise<number> {
  let destroyed = 0;
  for (let after: string | null = null; ; ) {
    const page: Awaited<ReturnType<Store['pageMaterial']>> = await store.pageMaterial(after, PAGE);
    for (const entry of page.items) {
      if (entry.storedAt >= storedBefore || !(await isOrphan(store, entry))) continue;
      await store.destroyMaterial(entry.ref);
      destroyed++;
    }
    if (page.next === null) return destroyed;
    after = page.next;
    await nextTurn();
  }
}

async function isOrphan(store: Store, { ref }: MaterialEntry): Promise<boolean> {
  const stored = await store.load(ref.keyring);
  return !stored?.keyring.versions.some(({ version, nonce }) => version === ref.version && nonce === ref.nonce);
}
