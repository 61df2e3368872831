import { change } from '../../src/app/change.ts';
import { generateKey } from '../../src/app/material.ts';
import { type RotationRequest, revokeVersion, rotateKeyring } from '../../src/app/rotations.ts';
import { codeOf, type ErrorCode } from '../../src/core/errors.ts';
import type { RegistryReach } from '../../src/core/fleet.ts';
import { parseKeyringName } from '../../src/core/name.ts';
import { DEFAULT_POLICY, type Policy } from '../../src/core/policy.ts';
import { type Millis, SECOND } from '../../src/core/time.ts';
import { amendPolicy } from '../../src/core/transitions/amend.ts';
import { create } from '../../src/core/transitions/create.ts';
import type { RotationKind } from '../../src/core/transitions/rotate.ts';
import type { Actor, PrincipalId } from '../../src/core/version.ts';
import { requireStored } from '../../src/app/keyrings.ts';
import type { InstanceId } from '../../src/ports/leases.ts';
import { SKEW_SECONDS } from './clocks.ts';
import { Draws } from './draws.ts';
import type { Fault } from './faults.ts';
import { checkNothingIsDue } from './history.ts';
import { MemoryStore } from './memory-store.ts';
import { type Held, Process } from './process.ts';
import { Register } from './register.ts';
import { ORPHAN_AGE, type Service } from './service.ts';
import { Site } from './site.ts';
import { Tally } from './tally.ts';
import { BEGINNING, Timeline } from './timeline.ts';
import { Violation } from './violation.ts';
import { Watch } from './watch.ts';

const WEB = parseKeyringName('web');
const OPERATOR: Actor = { id: 'token:operator' as PrincipalId, name: 'operator' };
const APP = 'token:app' as PrincipalId;
const LONGEST_WAIT_SECONDS = 30;

/** A new version waits 68 s by time alone; slots are 120 s apart. */
export const POLICY: Policy = {
  ...DEFAULT_POLICY,
  schedule: { cron: '*/2 * * * *', timeZone: 'UTC' },
  tokenLifetimeSeconds: 100,
  leaseSeconds: 60,
  refreshSeconds: 10,
  skewSeconds: SKEW_SECONDS,
};
/** What an operator may change the policy to; each leaves `time between slots > lease + skew`. */
export const AMENDMENTS: readonly Partial<Policy>[] = [
  { leaseSeconds: 30 },
  { leaseSeconds: 90 },
  { leaseSeconds: 60 },
  { tokenLifetimeSeconds: 40 },
  { tokenLifetimeSeconds: 100 },
];

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

const ACTIONS = {
  poll: 46,
  sign: 14,
  validate: 18,
  sweep: 12,
  'start a process': 2,
  'start one from its disk': 1.5,
  'end a process': 1,
  'rotate safely': 1.2,
  'rotate at once': 0.3,
  'rotate in an emergency': 0.15,
  'revoke a version': 0.3,
  'change the policy': 0.4,
  'cut a site off': 1.2,
  'heal a site': 2.5,
  'crash a site': 0.8,
  'start a site': 4,
  'set a clock': 0.8,
  'destroy orphans': 0.4,
  'lose a registry': 0.1,
};
type Action = keyof typeof ACTIONS;

export interface Outcome {
  readonly violation: Violation | null;
  readonly tally: Tally;
}

/** Kept between schedules, and emptied: to open a database costs more than most schedules. So schedules run one after the other. */
const REGISTERS = [new Register(), new Register(), new Register()] as const;

/** One schedule, wholly decided by its seed. */
export async function runSchedule(seed: number, fault: Fault | null = null, log: (text: string) => void = () => undefined): Promise<Outcome> {
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
  readonly #log: (text: string) => void;
  readonly #timeline: Timeline;
  readonly #store: MemoryStore;
  readonly #watch: Watch;
  readonly #processes: Process[] = [];
  readonly #disks: Held[] = [];
  readonly #sites: readonly Site[];
  readonly #names: readonly (string | null)[];
  #started = 0;
  #isCalm = false;

  constructor(draws: Draws, fault: Fault | null, log: (text: string) => void) {
    this.#draws = draws;
    this.#fault = fault;
    this.#timeline = new Timeline(() => this.#watch.check());
    this.#log = (text) => log(`${(this.#timeline.now / SECOND).toFixed(3).padStart(9)} ${text}`);
    const reach = fault?.reach ?? draws.weighted<RegistryReach>({ own: 4, shared: 4, none: 2 });
    this.#watch = new Watch({
      timeline: this.#timeline,
      tally: this.tally,
      processes: this.#processes,
      hasMaterial: (ref) => this.#store.getMaterial(ref) !== undefined,
      mayAdvance: () => reach !== 'none',
      log: this.#log,
    });
    this.#store = new MemoryStore(() => BEGINNING + this.#timeline.now, this.#watch);
    this.#sites = this.#makeSites(reach);
    this.#names = draws.happens(0.1) ? ['a', 'b', null] : draws.happens(0.5) ? ['a', 'b', 'c'] : ['a', 'b', 'c', 'd', 'e'];
  }

  async live(): Promise<void> {
    await this.#begin();
    const steps = this.#draws.between(80, 200);
    for (let step = 0; step < steps; step++) {
      await this.#timeline.runUntil(this.#timeline.now + this.#pause());
      this.#act(this.#draws.weighted(ACTIONS));
    }
    await this.#end();
  }

  async #begin(): Promise<void> {
    const [first] = this.#sites;
    for (const site of this.#sites) site.start(true);
    await this.#pass(SECOND);
    if (first?.service) this.#attempt(this.#create(first.service));
    await this.#pass(SECOND);
    const count = this.#draws.between(1, 3);
    for (let process = 0; process < count; process++) this.#start(null);
    for (const site of this.#sites) this.#restart(site, false);
    await this.#pass(SECOND);
  }

  #makeSites(reach: RegistryReach): Site[] {
    const count = reach === 'own' ? 1 : this.#draws.between(2, 3);
    return Array.from({ length: count }, (_, index) => {
      const register = REGISTERS[reach === 'none' ? index : 0] ?? REGISTERS[0];
      register.begin(BEGINNING);
      return new Site(`site ${index + 1}`, {
        timeline: this.#timeline,
        draws: this.#draws,
        tally: this.tally,
        store: this.#store,
        watch: this.#watch,
        name: WEB,
        reach,
        register,
        fault: this.#fault,
        failed: (code, error) => this.#failed(code, error),
        log: this.#log,
      });
    });
  }

  async #create({ deps }: Service): Promise<void> {
    const kind = this.#draws.happens(0.4) ? 'imported' : 'created';
    const policy = this.#draws.happens(0.8) ? POLICY : { ...POLICY, schedule: null };
    await change(deps, {
      name: WEB,
      by: OPERATOR,
      reason: 'the beginning',
      newKey: () => generateKey(deps.random, policy),
      step: (_, context) => {
        const keyring = create(null, WEB, policy, kind, context);
        return { keyring, publishes: keyring.versions.at(-1) ?? null };
      },
    });
  }

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
    const process = this.#draws.pick(this.#processes);
    if (site === undefined) return;
    const { service } = site;
    switch (action) {
      case 'poll':
        return process && this.#poll(process, site, this.#draws.happens(0.2) ? LONGEST_WAIT_SECONDS : 0);
      case 'sign':
        return process?.mayUse(this.#timeline.now) ? this.#watch.signed(process) : undefined;
      case 'start a process':
        return this.#start(null);
      case 'start one from its disk':
        return this.#start(this.#draws.pick(this.#disks) ?? null);
      case 'end a process':
        return this.#endOne(process);
      case 'cut a site off':
        return site.cut();
      case 'heal a site':
        return site.heal();
      case 'crash a site':
        return site.crash('at any time');
      case 'start a site':
        return site.isDown ? site.start(false) : undefined;
      case 'set a clock':
        return service?.clock.step(this.#draws);
      case 'lose a registry':
        return this.#loseRegistry(site);
      default:
        return service === null ? undefined : this.#attempt(this.#workOf(action, service));
    }
  }

  async #workOf(action: Action, service: Service): Promise<unknown> {
    switch (action) {
      case 'validate':
        return service.validate();
      case 'sweep':
        return service.sweep();
      case 'destroy orphans':
        return service.orphans();
      case 'rotate safely':
        return this.#rotate(service, 'scheduled');
      case 'rotate at once':
        return this.#rotate(service, 'immediate');
      case 'rotate in an emergency':
        return this.#rotate(service, 'emergency');
      case 'revoke a version':
        return revokeVersion(service.deps, this.#anyVersion(), this.#request());
      case 'change the policy':
        return this.#amend(service, this.#draws.pick(AMENDMENTS) ?? {});
    }
  }

  #rotate({ deps }: Service, kind: RotationKind): Promise<unknown> {
    return rotateKeyring(deps, kind, this.#request());
  }

  /** `changePolicy` without its look at the schedule, which takes a millisecond. */
  #amend({ deps }: Service, fields: Partial<Policy>): Promise<unknown> {
    return change(deps, {
      ...this.#request(),
      step: (stored, context) => {
        const { keyring } = requireStored(stored, WEB);
        return { keyring: amendPolicy(keyring, { ...keyring.policy, ...fields }, context), publishes: null };
      },
    });
  }

  #request(): RotationRequest {
    return { name: WEB, by: OPERATOR, reason: 'simulated', idempotencyKey: null };
  }

  #anyVersion(): number {
    const newest = this.#watch.history.latest?.keyring.versions.length ?? 1;
    return Math.max(1, newest - this.#draws.between(0, 2));
  }

  #attempt(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#failed(codeOf(error), error));
  }

  #failed(code: ErrorCode, error: unknown): void {
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

  #start(disk: Held | null): void {
    const instance = (this.#draws.pick(this.#names) ?? null) as InstanceId | null;
    const label = `process ${++this.#started} (${instance ?? 'no name'})`;
    this.#log(`${label} starts${disk === null ? '' : ' with keys from a disk'}`);
    if (this.#processes.length >= 6) this.#processes.shift();
    this.#processes.push(new Process(label, { instance, principal: APP, address: '10.0.0.1' }, this.#draws, disk));
  }

  #endOne(process: Process | undefined): void {
    if (process === undefined) return;
    this.#log(`${process.label} ends`);
    process.isOver = true;
    this.#processes.splice(this.#processes.indexOf(process), 1);
  }

  #restart(site: Site, isCalm: boolean): void {
    site.crash('to start anew');
    site.start(isCalm);
  }

  #loseRegistry(site: Site): void {
    if (site.service === null) return;
    this.#log(`the registry of ${site.label} is lost`);
    this.tally.count('registries lost');
    site.register.lose(this.#fault?.forgets ? null : site.service.clock.now());
  }

  /** A request on its way there, and its answer on its way back; either may be lost, or late. */
  #poll(process: Process, site: Site, waitSeconds: number): void {
    const question = process.ask(this.#timeline.now);
    this.tally.count('polls');
    if (this.#loses(0.04)) return;
    this.#timeline.after(this.#way(), () => {
      if (site.service === null) return;
      const asked = site.service.ask(WEB, process.caller, question.tag, waitSeconds);
      this.#attempt(
        asked.then((answer) => {
          if (this.#loses(0.003)) return site.crash('between granting and answering');
          if (this.#loses(0.05)) return this.tally.count('answers to instances lost');
          this.#timeline.after(this.#way(), () => {
            if (!process.hear(question, answer)) return;
            this.tally.count('answers used');
            this.#log(`${process.label} holds ${answer.keys.revision} from ${site.label} for ${answer.leaseSeconds} s, ${answer.keys.current.version.version} signs`);
            if (process.held !== null && this.#draws.happens(0.2)) this.#keepOnDisk(process.held);
          });
        }),
      );
    });
  }

  #keepOnDisk(held: Held): void {
    this.#disks.push(held);
    if (this.#disks.length > 3) this.#disks.shift();
  }

  #loses(probability: number): boolean {
    return !this.#isCalm && this.#draws.happens(probability);
  }

  #way(): Millis {
    return this.#isCalm || this.#draws.happens(0.95) ? this.#draws.between(0, 80) : this.#draws.between(0, 20_000);
  }

  /** All faults end; what was left undone is done, and nothing is left over. */
  async #end(): Promise<void> {
    this.#log('all faults end');
    this.#isCalm = true;
    for (const site of this.#sites) site.calm();
    await this.#pass((LONGEST_WAIT_SECONDS + 30) * SECOND);
    for (const site of this.#sites) this.#restart(site, true);
    await this.#pass(ORPHAN_AGE + SECOND);
    for (let round = 0; round < 3; round++) {
      for (const { service } of this.#sites) this.#attempt(this.#tidy(service));
      await this.#pass(2 * SECOND);
    }
    this.#checkRest();
    this.#start(null);
    for (const process of this.#processes) for (const site of this.#sites) this.#poll(process, site, 0);
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

  #checkRest(): void {
    const keyring = this.#watch.history.latest?.keyring;
    if (keyring === undefined) throw new Violation('no keyring was made');
    const now = BEGINNING + this.#timeline.now - 8 * SECOND;
    checkNothingIsDue(keyring, now);
    for (const { ref } of this.#store.pageMaterial().items) {
      const version = keyring.versions.find(({ nonce }) => nonce === ref.nonce);
      if (version === undefined) throw new Violation(`the material of version ${ref.version} ${ref.nonce} is an orphan`);
      if (version.destroyedAt !== null) throw new Violation(`the material of version ${ref.version} outlived its destruction`);
    }
  }

  /** Everybody who asked has the key that signs, and every site has the document. */
  #checkServed(): void {
    const current = this.#watch.history.latest?.keyring.versions.at(-1);
    for (const process of this.#processes) {
      if (!process.mayUse(this.#timeline.now)) throw new Violation(`${process.label} has no keys at the end`);
      if (current !== undefined && !process.held?.texts.has(current.version)) throw new Violation(`${process.label} is behind at the end`);
    }
    for (const { service } of this.#sites) {
      if (service?.copies.peek(WEB)?.revision !== this.#watch.history.latest?.revision) throw new Violation('a site is behind at the end');
    }
  }
}
