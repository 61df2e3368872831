import type { ChangeDeps } from '../../src/app/change.ts';
import type { Copies, CopiesDeps } from '../../src/app/copies.ts';
import { EarlyActivation } from '../../src/app/early-activation.ts';
import { destroyOrphans } from '../../src/app/orphans.ts';
import { type Granted, KeyReader } from '../../src/app/read-keys.ts';
import { Sweep, type SweepOutcome } from '../../src/app/sweep.ts';
import { Waiters } from '../../src/app/waiters.ts';
import { type Millis, SECOND } from '../../src/core/time.ts';
import type { SkewedClock } from './clocks.ts';
import { type Answer, FrontDoor } from './front-door.ts';
import type { LineDeps, WholeStore } from './line.ts';
import type { Desk } from './register.ts';

/** How long after it was stored material that no document refers to is destroyed: longer than any swap takes. */
export const ORPHAN_AGE: Millis = 60 * SECOND;

export interface ServiceDeps extends LineDeps {
  readonly clock: SkewedClock;
  readonly store: WholeStore;
  readonly makeDesk: (copies: Copies) => Desk;
  readonly makeCopies: (deps: CopiesDeps) => Copies;
  readonly sweepOnce: ((deps: ChangeDeps, sweep: () => Promise<void>) => Promise<void>) | null;
  readonly swept: (outcome: SweepOutcome) => void;
  readonly granted: (service: Service, granted: Granted) => void;
}

/** One process of the service: the use cases of `src/app`, composed as in src/compose/service.ts, on a line that may fail. */
export class Service {
  readonly deps: ChangeDeps;
  readonly clock: SkewedClock;
  readonly weather: LineDeps['weather'];
  readonly copies: Copies;
  readonly #door: FrontDoor;
  readonly #sweep: () => Promise<void>;
  readonly #early: EarlyActivation;
  #sweeping: Promise<void> | null = null;

  constructor(given: ServiceDeps) {
    const { store, clock, timeline, draws, swept } = given;
    const { random } = draws;
    const copies = given.makeCopies({ store, feed: store, clock });
    const waiters = new Waiters({ after: (delay, wake) => timeline.after(delay, () => given.weather.isOver || wake()) });
    const reader = new KeyReader({ store, clock, copies, waiters });
    copies.onChange((name) => {
      waiters.wake(name);
      reader.warm(name);
    });
    const desk = given.makeDesk(copies);
    this.deps = { store, clock, random, copies };
    this.clock = clock;
    this.weather = given.weather;
    this.copies = copies;
    const sweep = new Sweep({ ...this.deps, dueIndex: store }, swept);
    this.#sweep = () => given.sweepOnce?.(this.deps, () => sweep.run()) ?? sweep.run();
    const nextTurn = () => new Promise((resolve) => timeline.after(draws.between(0, 5), () => resolve(undefined)));
    this.#early = new EarlyActivation({ ...this.deps, registry: desk.registry, reach: desk.reach, nextTurn }, swept);
    this.#door = new FrontDoor({
      reader,
      desk,
      clock,
      random,
      heard: (grant) => this.#early.heard(grant),
      granted: (granted) => given.granted(this, granted),
    });
  }

  validate(): Promise<void> {
    return this.copies.validate();
  }

  /** As the scheduler wakes it: what is due, then what may be early; one run at a time. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#run().finally(() => {
      this.#sweeping = null;
    });
    return this.#sweeping;
  }

  orphans(): Promise<number> {
    return destroyOrphans(this.deps.store, this.clock.now() - ORPHAN_AGE, async () => undefined);
  }

  ask(...asked: Parameters<FrontDoor['ask']>): Promise<Answer> {
    return this.#door.ask(...asked);
  }

  async #run(): Promise<void> {
    await this.#sweep();
    await this.#early.run();
  }
}
