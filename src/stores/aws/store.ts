import { type Millis, SECOND } from '../../core/time.ts';
import type { CallOptions, ChangeFeed, DueIndex, Store } from '../../ports/store.ts';
import { MemoryDueIndex } from '../memory-index.ts';
import { within } from '../within.ts';
import type { Documents } from './documents.ts';
import type { Material } from './material.ts';
import type { Secrets } from './secrets.ts';

/** With the two of them a change takes 30 s at most: half of the skew of a minute that docs/stores-aws.md asks for. */
export const WRITE_LIMIT: Millis = 15 * SECOND;

export type AwsStore = Store & DueIndex & ChangeFeed;

interface Parts {
  readonly secrets: Secrets;
  readonly documents: Documents;
  readonly material: Material;
  /** Read by `check`. */
  readonly probe: string;
  /** Of a swap, and of storing a key. */
  readonly limit: Millis;
}

/** The store port over AWS Secrets Manager. */
export function awsStore({ secrets, documents, material, probe, limit }: Parts): AwsStore {
  const index = new MemoryDueIndex(documents.forIndex());

  /** Reads only: AWS wants a secret written seldom. A write that was refused since the last one that succeeded is told, though. */
  async function check(options?: CallOptions): Promise<void> {
    await secrets.current(probe, options);
    if (secrets.calls.refusedWrite !== null) throw secrets.calls.refusedWrite;
  }

  return {
    kind: 'aws',
    load: (name, options) => documents.load(name, options),
    swap: async (keyring, expected, options) => documents.swap(keyring, expected, within(limit, options)),
    page: (after, limit, options) => documents.page(after, limit, options),
    due: (now, after, limit, options) => index.due(now, after, limit, options),
    changes: (since, options) => documents.changes(since, options),
    putMaterial: (ref, secret, options) => material.put(ref, secret, within(limit, options)),
    getMaterial: (ref, options) => material.get(ref, options),
    destroyMaterial: (ref, options) => material.destroy(ref, options),
    pageMaterial: (after, limit, options) => material.page(after, limit, options),
    check,
    close: async () => secrets.close(),
  };
}
