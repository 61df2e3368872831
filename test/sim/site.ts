import { Copies } from '../../src/app/copies.ts';
import type { SweepOutcome } from '../../src/app/sweep.ts';
import { SkewedClock } from './clocks.ts';
import type { Draws } from './draws.ts';
import type { Fault } from './faults.ts';
import { Line, type LineDeps, LONGEST_WAY, storeOver, type Weather } from './line.ts';
import type { MemoryStore } from './memory-store.ts';
import { WEB } from './operator.ts';
import { type Desk, ownDesk, type Register, type Sharing, sharedDesk } from './register.ts';
import { Service } from './service.ts';
import type { Tally } from './tally.ts';
import type { Timeline } from './timeline.ts';
import type { Watch } from './watch.ts';

export interface SiteDeps {
  readonly timeline: Timeline;
  readonly draws: Draws;
  readonly tally: Tally;
  readonly store: MemoryStore;
  readonly watch: Watch;
  readonly sharing: Sharing;
  readonly register: Register;
  readonly fault: Fault | null;
  /** Of work that the service does by itself. */
  readonly failed: (error: unknown) => void;
  readonly log: (text: string) => void;
}

/** A machine on which one process of the service after another runs. */
export class Site {
  readonly label: string;
  readonly #deps: SiteDeps;
  #weather: Weather = { isCut: false, isCalm: true, isOver: true };
  #starting: Service | null = null;
  /** Answers; null while it is down or starts. */
  service: Service | null = null;

  constructor(label: string, deps: SiteDeps) {
    this.label = label;
    this.#deps = deps;
  }

  get isDown(): boolean {
    return this.service === null && this.#starting === null;
  }

  /** As composeService: nothing is answered before the copies were validated once. */
  start(isCalm: boolean): void {
    const { draws, timeline, log, fault, register } = this.#deps;
    if (fault?.forgets) register.lose(null);
    this.#weather = { isCut: this.#weather.isCut, isCalm, isOver: false };
    const service = this.#make(new SkewedClock(timeline, draws), this.#weather);
    this.#starting = service;
    log(`${this.label} starts`);
    service.validate().then(
      () => {
        if (service.weather.isOver) return;
        this.service = service;
        this.#starting = null;
      },
      () => this.crash('at its start'),
    );
  }

  crash(where: string): void {
    const { tally, log } = this.#deps;
    if (this.isDown) return;
    tally.count(`crashes: ${where}`);
    log(`${this.label} crashes ${where}`);
    this.#weather.isOver = true;
    this.service = null;
    this.#starting = null;
  }

  /** Nothing of its process reaches the store from now on. */
  cut(): void {
    if (this.#weather.isCut) return;
    this.#deps.tally.count('partitions');
    this.#deps.log(`${this.label} is cut off`);
    this.#weather.isCut = true;
  }

  heal(): void {
    this.#weather.isCut = false;
  }

  /** All that its registry holds is gone, and it knows. */
  loseRegistry({ clock }: Service): void {
    const { tally, log, register } = this.#deps;
    log(`the registry of ${this.label} is lost`);
    tally.count('registries lost');
    register.lose(clock.now());
  }

  /** No more faults. */
  calm(): void {
    this.heal();
    this.#weather.isCalm = true;
  }

  #make(clock: SkewedClock, weather: Weather): Service {
    const { timeline, draws, tally, store, watch, fault, failed, log } = this.#deps;
    const longestWay = fault?.isSlow ? 40 * LONGEST_WAY : LONGEST_WAY;
    const lineDeps: LineDeps = { timeline, draws, tally, weather, longestWay, crash: (where) => this.crash(where) };
    const line = new Line(lineDeps);
    const whole = storeOver(line, store, tally);
    const CopiesClass = fault?.copies ?? Copies;
    return new Service({
      ...lineDeps,
      clock,
      store: fault?.store?.(whole) ?? whole,
      makeCopies: (deps) => new CopiesClass(deps),
      makeDesk: (copies) => this.#desk(line, copies),
      sweepOnce: fault?.sweepOnce?.(WEB) ?? null,
      swept: (outcome) => {
        log(`${this.label} swept: ${describe(outcome)}`);
        tally.count(`sweeps: ${outcome.outcome}`);
        if (outcome.outcome === 'failed') failed(outcome.error);
      },
      granted: (service, granted) => watch.granted(service.clock.now(), granted),
    });
  }

  #desk(line: Line, copies: Copies): Desk {
    const { sharing, register, watch, fault } = this.#deps;
    const own = (): Desk => ownDesk(sharing === 'own' ? 'own' : 'none', register);
    const shared = (): Desk =>
      sharedDesk({
        register,
        line,
        placeOf: (change) => watch.history.placeOf(change),
        atHand: () => (fault?.isUntold ? null : (copies.peek(WEB)?.keyring.changed.id ?? null)),
        isFenced: !fault?.isUnfenced,
      });
    const desk = sharing === 'shared' ? shared() : own();
    return fault?.desk?.(desk) ?? desk;
  }
}

function describe(outcome: SweepOutcome): string {
  switch (outcome.outcome) {
    case 'failed':
      return `failed, ${outcome.code}`;
    case 'rotated':
    case 'advanced':
      return `${outcome.outcome} to ${outcome.version}`;
    default:
      return outcome.outcome;
  }
}
