import { codeOf, type ErrorCode } from '../../src/core/errors.ts';
import { liveVersions } from '../../src/core/keyring.ts';
import { type Millis, SECOND } from '../../src/core/time.ts';
import { ACTIONS, type Action } from './actions.ts';
import { Draws } from './draws.ts';
import type { Fault } from './faults.ts';
import { checkNothingIsDue } from './history.ts';
import { Instances } from './instances.ts';
import { MemoryStore } from './memory-store.ts';
import { amendWeb, createWeb, revokeOne, rotateWeb, WEB } from './operator.ts';
import type { Process } from './process.ts';
import { Register, type Sharing } from './register.ts';
import { ORPHAN_AGE, type Service } from './service.ts';
import { Site } from './site.ts';
import { Tally } from './tally.ts';
import { BEGINNING, Timeline } from './timeline.ts';
import { Violation } from './violation.ts';
import { Watch } from './watch.ts';

const WAIT_SECONDS = 30;

/** Refusals and failures that callers meet in a world like this. Any other is a fault of the code. */
const EXPECTED: ReadonlySet<ErrorCode> = new Set([
  'store_unavailable',
  'lease_exhausted',
  'conflict',
  'rotation_under_way',
  'version_ended',
  'version_not_found',
  'too_many_keys',
]);

export interface Outcome {
  /** The first promise that was not kept; null = none. */
  readonly violation: Violation | null;
  readonly tally: Tally;
}

/** Kept between schedules, and emptied: to open a database costs more than most schedules. So schedules run one after the other. */
const REGISTERS = [new Register(), new Register(), new Register()] as const;

/** One schedule, wholly decided by its seed. */
export async function runSchedule(seed: number, fault: Fault | null = null, log: ((text: string) => void) | null = null): Promise<Outcome> {
  const world = new World(new Draws(seed), fault, log);
  try {
    await world.live();
    return { violation: null, tally: world.tally };
  } catch (error) {
    if (error instanceof Violation) return { violation: error, tally: world.tally };
    throw error;
  }
}

class World {
  readonly tally = new Tally();
  readonly #draws: Draws;
  readonly #fault: Fault | null;
  readonly #timeline: Timeline;
  readonly #log: (text: string) => void;
  readonly #instances: Instances;
  readonly #store: MemoryStore;
  readonly #watch: Watch;
  readonly #sites: readonly Site[];

  constructor(draws: Draws, fault: Fault | null, log: ((text: string) => void) | null) {
    const { tally } = this;
    const sharing = fault?.sharing ?? draws.weighted<Sharing>({ own: 4, shared: 4, none: 2 });
    const timeline = new Timeline(() => this.#watch.check());
    const timed = (text: string): void => log?.(`${(timeline.now / SECOND).toFixed(3).padStart(9)} ${text}`);
    this.#draws = draws;
    this.#fault = fault;
    this.#timeline = timeline;
    this.#log = timed;
    this.#instances = new Instances({
      timeline,
      draws,
      tally,
      log: timed,
      failed: (error) => this.#failed(error),
      sharesDisks: fault?.sharesDisks ?? false,
    });
    this.#watch = new Watch({
      timeline,
      tally,
      processes: this.#instances.processes,
      hasMaterial: (ref) => this.#store.getMaterial(ref) !== undefined,
      mayAdvance: () => sharing !== 'none' || fault !== null,
      log: timed,
    });
    this.#store = new MemoryStore(() => BEGINNING + timeline.now, this.#watch);
    this.#sites = this.#makeSites(sharing);
    timed(`${this.#sites.length} sites, whose registry is ${sharing}`);
  }

  async live(): Promise<void> {
    await this.#begin();
    const steps = this.#draws.between(80, 200);
    const actions = { ...ACTIONS, ...this.#fault?.actions };
    for (let step = 0; step < steps; step++) {
      await this.#pass(this.#pause());
      this.#act(this.#draws.weighted(actions));
    }
    await this.#end();
  }

  async #begin(): Promise<void> {
    for (const site of this.#sites) site.start(true);
    await this.#pass(SECOND);
    const [first] = this.#sites;
    if (first?.service) this.#attempt(createWeb(first.service, this.#draws));
    await this.#pass(SECOND);
    for (let count = this.#draws.between(1, 3); count > 0; count--) this.#instances.start();
    for (const site of this.#sites) restart(site, false);
    await this.#pass(SECOND);
  }

  #makeSites(sharing: Sharing): Site[] {
    const count = sharing === 'own' ? 1 : this.#draws.between(2, 3);
    return Array.from({ length: count }, (_, index) => {
      const register = REGISTERS[sharing === 'none' ? index : 0] ?? REGISTERS[0];
      register.begin(BEGINNING);
      return new Site(`site ${index + 1}`, {
        timeline: this.#timeline,
        draws: this.#draws,
        tally: this.tally,
        store: this.#store,
        watch: this.#watch,
        sharing,
        register,
        fault: this.#fault,
        failed: (error) => this.#failed(error),
        log: this.#log,
      });
    });
  }

  /** Most of the time moments, some of it refreshes, and now and then long enough for leases to end and slots to be missed. */
  #pause(): Millis {
    if (this.#draws.happens(0.02)) return this.#draws.between(20, 200) * SECOND;
    return this.#draws.happens(0.3) ? this.#draws.between(0, 50) : this.#draws.between(50, 6_000);
  }

  async #pass(time: Millis): Promise<void> {
    await this.#timeline.runUntil(this.#timeline.now + time);
    this.#watch.check();
  }

  #act(action: Action): void {
    const site = this.#draws.pick(this.#sites);
    const process = this.#draws.pick(this.#instances.processes);
    if (site !== undefined) this.#toSite(action, site);
    if (process !== undefined) this.#toProcess(action, process, site);
    if (action === 'start a process') this.#instances.start();
    if (action === 'start one from its disk') this.#instances.startFromDisk();
  }

  #toProcess(action: Action, process: Process, site: Site | undefined): void {
    if (action === 'poll' && site !== undefined) this.#instances.poll(process, site, this.#draws.happens(0.2) ? WAIT_SECONDS : 0);
    if (action === 'sign' && process.mayUse(this.#timeline.now)) this.#watch.signed(process);
    if (action === 'end a process') this.#instances.end(process);
    if (action === 'cut a process off') this.#instances.cut(process);
    if (action === 'heal a process') this.#instances.heal(process);
  }

  #toSite(action: Action, site: Site): void {
    if (action === 'cut a site off') site.cut();
    if (action === 'heal a site') site.heal();
    if (action === 'crash a site') site.crash('at any time');
    if (action === 'start a site' && site.isDown) site.start(false);
    if (site.service !== null) this.#toService(action, site, site.service);
  }

  #toService(action: Action, site: Site, service: Service): void {
    if (action === 'set a clock') service.clock.step(this.#draws);
    if (action === 'lose a registry') site.loseRegistry(service);
    const work = this.#workOf(action, service);
    if (work !== null) this.#attempt(work);
  }

  #workOf(action: Action, service: Service): Promise<unknown> | null {
    switch (action) {
      case 'validate':
        return service.validate();
      case 'sweep':
        return service.sweep();
      case 'destroy orphans':
        return service.orphans();
      case 'rotate safely':
        return rotateWeb(service, 'scheduled');
      case 'rotate at once':
        return rotateWeb(service, 'immediate');
      case 'rotate in an emergency':
        return rotateWeb(service, 'emergency');
      case 'revoke a version':
        return revokeOne(service, this.#watch.history.latest?.keyring.versions.length ?? 1, this.#draws);
      case 'change the policy':
        return amendWeb(service, this.#draws);
      default:
        return null;
    }
  }

  #attempt(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#failed(error));
  }

  #failed(error: unknown): void {
    if (error instanceof Violation) this.#watch.found(error);
    const code = codeOf(error);
    this.tally.count(`refused or failed: ${code}`);
    this.#log(`failed: ${code}`);
    // A replica that has not heard of a revocation finds the material gone: it asks the feed again and goes on.
    if (EXPECTED.has(code) || (code === 'material_missing' && this.#mayMissMaterial())) return;
    this.#watch.found(new Violation(`unexpected failure ${code}: ${error instanceof Error ? error.stack : error}`));
  }

  #mayMissMaterial(): boolean {
    const { latest } = this.#watch.history;
    return latest?.keyring.versions.some(({ revoked }) => revoked !== null) ?? false;
  }

  /** All faults end; what was left undone is done, and nothing is left over. */
  async #end(): Promise<void> {
    this.#log('all faults end');
    this.#instances.isCalm = true;
    for (const site of this.#sites) site.calm();
    await this.#pass(2 * WAIT_SECONDS * SECOND);
    for (const site of this.#sites) restart(site, true);
    await this.#pass(ORPHAN_AGE + SECOND);
    for (let round = 0; round < 3; round++) {
      for (const { service } of this.#sites) this.#attempt(this.#tidy(service));
      await this.#pass(2 * SECOND);
    }
    this.#checkRest();
    this.#instances.start();
    for (const process of this.#instances.processes) for (const site of this.#sites) this.#instances.poll(process, site, 0);
    await this.#pass(SECOND);
    for (const { service } of this.#sites) if (service !== null) this.#attempt(service.validate());
    await this.#pass(SECOND);
    this.#checkServed();
  }

  async #tidy(service: Service | null): Promise<void> {
    if (service === null) throw new Violation('a site does not start though nothing stands in its way');
    await service.validate();
    await service.sweep();
    await service.orphans();
  }

  /** What was due when the first round began is done, and no material is left that no document needs. */
  #checkRest(): void {
    const keyring = this.#watch.history.latest?.keyring;
    if (keyring === undefined) throw new Violation('no keyring was made');
    checkNothingIsDue(keyring, BEGINNING + this.#timeline.now - 8 * SECOND);
    for (const { ref } of this.#store.pageMaterial().items) {
      const version = keyring.versions.find(({ nonce }) => nonce === ref.nonce);
      if (version === undefined) throw new Violation(`the material of version ${ref.version} ${ref.nonce} is an orphan`);
      if (version.destroyedAt !== null) throw new Violation(`the material of version ${ref.version} outlived its destruction`);
    }
  }

  /** Everybody who asked has the newest key, and every site has the document. */
  #checkServed(): void {
    const keyring = this.#watch.history.latest?.keyring;
    const newest = keyring === undefined ? undefined : liveVersions(keyring).at(-1);
    for (const process of this.#instances.processes) {
      if (!process.mayUse(this.#timeline.now)) throw new Violation(`${process.label} has no keys at the end`);
      if (newest !== undefined && !process.held?.texts.has(newest.version)) throw new Violation(`${process.label} is behind at the end`);
    }
    for (const { service, label } of this.#sites) {
      if (service?.copies.peek(WEB)?.keyring !== keyring) throw new Violation(`${label} is behind at the end`);
    }
  }
}

function restart(site: Site, isCalm: boolean): void {
  site.crash('to start anew');
  site.start(isCalm);
}
