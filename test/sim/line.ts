import { KeyturnError } from '../../src/core/errors.ts';
import { type Millis, SECOND } from '../../src/core/time.ts';
import type { ChangeFeed, DueIndex, Store } from '../../src/ports/store.ts';
import { LONGEST_COMMIT } from './clocks.ts';
import type { Draws } from './draws.ts';
import type { MemoryStore } from './memory-store.ts';
import type { Tally } from './tally.ts';
import type { Timeline } from './timeline.ts';

export type WholeStore = Store & DueIndex & ChangeFeed;

/** One process's line to what lies outside it. */
export interface LineDeps {
  readonly timeline: Timeline;
  readonly draws: Draws;
  readonly tally: Tally;
  /** What its world does to it now. */
  readonly weather: Weather;
  /** The process crashes: nothing of it goes on. */
  readonly crash: (where: string) => void;
  /** The longest that a request is under way. */
  readonly longestWay: Millis;
}

export interface Weather {
  /** No call gets through. */
  isCut: boolean;
  /** No call is lost, nobody crashes. */
  isCalm: boolean;
  /** The process is no more. */
  isOver: boolean;
}

/** There and back with the material, there with the swap: between its stamp and its commit lie three ways, and some more where several keys are stored. */
export const LONGEST_WAY: Millis = Math.floor(LONGEST_COMMIT / 5);
/** As long as the stores' clients wait for one. */
const LONGEST_ANSWER: Millis = 5 * SECOND;
const CRASH = { 'before the material': 0.004, 'between material and swap': 0.012, 'after the swap': 0.012 };

type Fate = 'arrives' | 'request lost' | 'answer lost' | 'given up';

/** Carries calls there and answers back, late or not at all. After the process is over no answer arrives, while its requests may. */
export class Line {
  readonly #deps: LineDeps;

  constructor(deps: LineDeps) {
    this.#deps = deps;
  }

  /** The act happens at one instant, if it happens; a lost answer and a lost request look the same. */
  call<Result>(name: string, act: () => Result): Promise<Result> {
    const { timeline, draws, tally, weather } = this.#deps;
    if (weather.isOver) return new Promise(() => undefined);
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const there = this.#way();
    const back = this.#wayBack(name);
    const fate = this.#fate();
    if (fate !== 'arrives') tally.count(`${name}: ${fate}`);
    const tell = (delay: Millis, settle: () => void): void => void timeline.after(delay, () => weather.isOver || settle());
    const outage = () => reject(new KeyturnError('store_unavailable', 'The store does not answer (simulated).'));
    if (fate === 'request lost') tell(there + back, outage);
    else {
      // Who gives up may do so before its request is carried out.
      if (fate === 'given up') tell(Math.floor(there / 2), outage);
      timeline.after(there, () => {
        if (weather.isOver && draws.happens(0.5)) return;
        const settle = outcomeOf(act, resolve, reject);
        tell(back, fate === 'answer lost' ? outage : settle);
      });
    }
    return promise;
  }

  /** As `call`, but the process may end just before, on the way, or just after. */
  dangerous<Result>(name: 'putMaterial' | 'swap', act: () => Result): Promise<Result> {
    const { draws, weather, crash } = this.#deps;
    const mayCrash = (where: keyof typeof CRASH): void => {
      if (!weather.isCalm && !weather.isOver && draws.happens(CRASH[where])) crash(where);
    };
    if (name === 'putMaterial') mayCrash('before the material');
    else mayCrash('between material and swap');
    if (weather.isOver) return new Promise(() => undefined);
    return this.call(name, () => {
      const result = act();
      if (name === 'swap') mayCrash('after the swap');
      return result;
    });
  }

  #way(): Millis {
    const { draws, weather, longestWay } = this.#deps;
    return weather.isCalm || draws.happens(0.8) ? draws.between(0, 20) : draws.between(0, longestWay);
  }

  /** An answer may be late without any harm: only what lies between the stamp of a change and its commit counts against the skew. */
  #wayBack(name: string): Millis {
    const { draws, tally, weather } = this.#deps;
    if (name === 'putMaterial' || weather.isCalm || draws.happens(0.97)) return this.#way();
    tally.count('late answers');
    return draws.between(0, LONGEST_ANSWER);
  }

  #fate(): Fate {
    const { draws, weather } = this.#deps;
    if (weather.isCut) return 'request lost';
    if (weather.isCalm || draws.happens(0.93)) return 'arrives';
    return draws.weighted({ 'request lost': 1, 'answer lost': 1, 'given up': 1 });
  }
}

function outcomeOf<Result>(act: () => Result, resolve: (result: Result) => void, reject: (error: unknown) => void): () => void {
  try {
    const result = act();
    return () => resolve(result);
  } catch (error) {
    if (!(error instanceof KeyturnError)) throw error;
    return () => reject(error);
  }
}

/** The store as one process sees it. */
export function storeOver(line: Line, store: MemoryStore, tally: Tally): WholeStore {
  return {
    kind: 'memory',
    load: (name) => line.call('load', () => store.load(name)),
    swap: (keyring, expected) =>
      line.dangerous('swap', () => {
        const revision = store.swap(keyring, expected);
        tally.count(revision === null ? 'swaps lost to another writer' : 'swaps');
        return revision;
      }),
    page: (after, limit) => line.call('page', () => store.page(after, limit)),
    putMaterial: (ref, material) => line.dangerous('putMaterial', () => store.putMaterial(ref, material)),
    getMaterial: (ref) => line.call('getMaterial', () => store.getMaterial(ref)),
    destroyMaterial: (ref) => line.call('destroyMaterial', () => store.destroyMaterial(ref)),
    pageMaterial: () => line.call('pageMaterial', () => store.pageMaterial()),
    due: (now) => line.call('due', () => store.due(now)),
    changes: (since) => line.call('changes', () => store.changes(since)),
    check: () => line.call('check', () => undefined),
    close: async () => undefined,
  };
}
