import { KeyturnError } from '../../src/core/errors.ts';
import type { ChangeFeed, DueIndex, Publisher, Store } from '../../src/ports/store.ts';

type Complete = Store & DueIndex & ChangeFeed & Partial<Publisher>;
export type StoreMethod = Exclude<keyof Complete, 'kind' | 'atOnce' | 'close'>;

/** The switches. What is set for the next call of a method counts for one call. */
export interface Faults {
  /** While true, every call fails with `store_unavailable` and does nothing. */
  down: boolean;
  /** How many calls of each method came in, failed ones too. */
  readonly calls: ReadonlyMap<StoreMethod, number>;
  /** The next call fails and does nothing. Default: `store_unavailable`. */
  failNext(method: StoreMethod, error?: Error): void;
  /** The next call waits for the promise before it begins. */
  delayNext(method: StoreMethod, until: Promise<unknown>): void;
  /** Runs before the next call: a race with its loser known. The callback may use the store. */
  beforeNext(method: StoreMethod, callback: () => unknown): void;
  /** The next call happens; its answer is lost (`store_unavailable`). */
  loseNextAnswer(method: StoreMethod): void;
}

export type FaultyStore = Complete & { readonly faults: Faults };

const outage = () => new KeyturnError('store_unavailable', 'The store does not answer (test).');

/** A store that fails when told to. Around it nothing differs from the store inside. */
export function faulty(inner: Complete): FaultyStore {
  const { faults, through } = switches();
  const { publish } = inner;
  return {
    faults,
    kind: inner.kind,
    ...(inner.atOnce !== undefined && { atOnce: inner.atOnce }),
    load: (...call) => through('load', () => inner.load(...call)),
    swap: (...call) => through('swap', () => inner.swap(...call)),
    page: (...call) => through('page', () => inner.page(...call)),
    due: (...call) => through('due', () => inner.due(...call)),
    changes: (...call) => through('changes', () => inner.changes(...call)),
    putMaterial: (...call) => through('putMaterial', () => inner.putMaterial(...call)),
    getMaterial: (...call) => through('getMaterial', () => inner.getMaterial(...call)),
    destroyMaterial: (...call) => through('destroyMaterial', () => inner.destroyMaterial(...call)),
    pageMaterial: (...call) => through('pageMaterial', () => inner.pageMaterial(...call)),
    ...(publish && { publish: (...call) => through('publish', () => publish(...call)) }),
    check: (...call) => through('check', () => inner.check(...call)),
    close: () => inner.close(),
  };
}

interface Switches {
  readonly faults: Faults;
  through<Result>(method: StoreMethod, call: () => Promise<Result>): Promise<Result>;
}

function switches(): Switches {
  const calls = new Map<StoreMethod, number>();
  const befores = new Map<StoreMethod, () => unknown>();
  const lost = new Set<StoreMethod>();

  const faults: Faults = {
    down: false,
    calls,
    failNext: (method, error = outage()) => void befores.set(method, () => Promise.reject(error)),
    delayNext: (method, until) => void befores.set(method, () => until),
    beforeNext: (method, callback) => void befores.set(method, callback),
    loseNextAnswer: (method) => void lost.add(method),
  };

  async function through<Result>(method: StoreMethod, call: () => Promise<Result>): Promise<Result> {
    calls.set(method, (calls.get(method) ?? 0) + 1);
    if (faults.down) throw outage();
    const before = befores.get(method);
    befores.delete(method);
    await before?.();
    const answerIsLost = lost.delete(method);
    const result = await call();
    if (answerIsLost) throw outage();
    return result;
  }

  return { faults, through };
}
