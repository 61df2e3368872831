import type { Test } from 'tap';
import type { ChangeFeed, DueIndex, FingerprintIndex, Publisher, Store } from '../../src/ports/store.ts';
import type { TokenStore } from '../../src/ports/tokens.ts';
import { changeFeedContract } from './contract/change-feed.ts';
import { documentContract } from './contract/documents.ts';
import { dueIndexContract } from './contract/due-index.ts';
import { fingerprintContract } from './contract/fingerprints.ts';
import { materialContract } from './contract/material.ts';
import { outageContract } from './contract/outage.ts';
import { pagingContract } from './contract/paging.ts';
import { publishContract } from './contract/publish.ts';
import { raceContract } from './contract/races.ts';
import { tokenContract } from './contract/tokens.ts';
import { trustContract } from './contract/trust.ts';

/** The network between the store's client and its server: `test/support/fault-proxy.ts` is one. */
export interface Link {
  /** Ends every connection and refuses new ones. */
  cut(): void;
  /** Connections stay, and nothing comes through. */
  freeze(): void;
  /** Whatever is sent takes so many milliseconds longer, each way. */
  slow(milliseconds: number): void;
  /** Ends every connection; new ones work. */
  reset(): void;
  /** All is well again. */
  open(): void;
  /** Texts that no failure may carry: passwords, tokens, keys of access. */
  readonly credentials: readonly string[];
}

/** An empty store for one test. */
export interface Opened {
  readonly store: Store & Partial<DueIndex & ChangeFeed & Publisher>;
  /** A second handle on the same data, as another replica holds it. Default: the first one. */
  readonly other?: Store;
  /** For stores that are reached over a network; calls must be given up within 4 s. */
  readonly link?: Link;
  /** For stores that keep tokens. */
  readonly tokens?: TokenStore;
  /** For stores that find entries by their material. */
  readonly fingerprints?: FingerprintIndex;
  cleanup(): Promise<void>;
}

export type Open = () => Promise<Opened>;

/** What a promise is tried on; null = this store has no such part. */
export interface Ready {
  readonly store: Opened['store'];
  readonly other: Store;
  readonly link: Link | null;
  readonly tokens: TokenStore | null;
  readonly fingerprints: FingerprintIndex | null;
}

/** One promise of the contract, tried on an empty store. */
export type Promised = (sentence: string, tried: (t: Test, opened: Ready) => Promise<void>) => void;

const CONTRACTS = [
  documentContract,
  raceContract,
  materialContract,
  pagingContract,
  trustContract,
  dueIndexContract,
  changeFeedContract,
  publishContract,
  fingerprintContract,
  tokenContract,
  outageContract,
];

/** Promises that a store or the server of a test does not keep, by their sentence, and why. */
export type Deviations = Readonly<Record<string, string>>;

/** Holds a store to the contract of `src/ports/store.ts`. Every promise gets a store of its own from `open`, empty. */
export function storeConformance(t: Test, open: Open, deviations: Deviations = {}): void {
  const unknown = new Set(Object.keys(deviations));
  const promised: Promised = (sentence, tried) => {
    unknown.delete(sentence);
    t.test(sentence, { skip: deviations[sentence] ?? false }, async (t) => {
      const { store, other = store, link = null, tokens = null, fingerprints = null, cleanup } = await open();
      t.teardown(cleanup);
      await tried(t, { store, other, link, tokens, fingerprints });
    });
  };
  for (const contract of CONTRACTS) contract(promised);
  t.same([...unknown], [], 'every deviation is one from a promise');
}
