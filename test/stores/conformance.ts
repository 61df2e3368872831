import type { Test } from 'tap';
import type { ChangeFeed, DueIndex, Store } from '../../src/ports/store.ts';
import { changeFeedContract } from './contract/change-feed.ts';
import { documentContract } from './contract/documents.ts';
import { dueIndexContract } from './contract/due-index.ts';
import { materialContract } from './contract/material.ts';
import { pagingContract } from './contract/paging.ts';
import { raceContract } from './contract/races.ts';
import { trustContract } from './contract/trust.ts';

/** An empty store for one test. */
export interface Opened {
  readonly store: Store & Partial<DueIndex & ChangeFeed>;
  /** A second handle on the same data, as another replica holds it. Default: the first one. */
  readonly other?: Store;
  cleanup(): Promise<void>;
}

export type Open = () => Promise<Opened>;

/** One promise of the contract, tried on an empty store. */
export type Promised = (sentence: string, tried: (t: Test, opened: Required<Omit<Opened, 'cleanup'>>) => Promise<void>) => void;

/** Promises that a store or the server of a test does not keep, by their sentence, and why. */
export type Deviations = Readonly<Record<string, string>>;

/** Holds a store to the contract of `src/ports/store.ts`. Every promise gets a store of its own from `open`, empty. */
export function storeConformance(t: Test, open: Open, deviations: Deviations = {}): void {
  const unknown = new Set(Object.keys(deviations));
  const promised: Promised = (sentence, tried) => {
    unknown.delete(sentence);
    t.test(sentence, { skip: deviations[sentence] ?? false }, async (t) => {
      const opened = await open();
      t.teardown(() => opened.cleanup());
      await tried(t, { store: opened.store, other: opened.other ?? opened.store });
    });
  };
  for (const contract of [documentContract, raceContract, materialContract, pagingContract, trustContract]) contract(promised);
  dueIndexContract(promised);
  changeFeedContract(promised);
  t.same([...unknown], [], 'every deviation is one from a promise');
}
