import type { Millis } from '../../src/core/time.ts';
import type { PrincipalId } from '../../src/core/version.ts';
import type { InstanceId } from '../../src/ports/leases.ts';
import type { Draws } from './draws.ts';
import type { Answer } from './front-door.ts';
import { WEB } from './operator.ts';
import { type Held, Process, type Question } from './process.ts';
import type { Site } from './site.ts';
import type { Tally } from './tally.ts';
import type { Timeline } from './timeline.ts';

const APP = 'token:app' as PrincipalId;
const MOST_PROCESSES = 6;

export interface InstancesDeps {
  readonly timeline: Timeline;
  readonly draws: Draws;
  readonly tally: Tally;
  readonly log: (text: string) => void;
  /** Of a request that was refused or failed. */
  readonly failed: (error: unknown) => void;
  /** Whether processes start with keys from the disk of one that still runs. */
  readonly sharesDisks: boolean;
}

interface Disk {
  readonly held: Held;
  readonly writer: Process;
}

/** The fleet of application processes: they come and go, share names, start from disks, and ask over a network that loses and delays. */
export class Instances {
  readonly processes: Process[] = [];
  /** No request and no answer is lost any more. */
  isCalm = false;
  readonly #deps: InstancesDeps;
  /** By instance name: processes of one name share a disk. What they hold is on it before they show its tag. */
  readonly #disks = new Map<InstanceId, Disk>();
  readonly #names: readonly (string | null)[];
  #started = 0;

  constructor(deps: InstancesDeps) {
    const { draws } = deps;
    this.#deps = deps;
    this.#names = draws.happens(0.1) ? ['a', 'b', null] : draws.happens(0.5) ? ['a', 'b', 'c'] : ['a', 'b', 'c', 'd', 'e'];
  }

  start(): void {
    this.#start(this.#drawName(), null);
  }

  /** With the keys that an earlier process of its name has left, and no tag. What a living process keeps on a disk is its own. */
  startFromDisk(): void {
    const instance = this.#drawName();
    const disk = instance === null ? undefined : this.#disks.get(instance);
    const mayRead = disk !== undefined && (disk.writer.isOver || this.#deps.sharesDisks);
    const process = this.#start(instance, mayRead ? disk.held : null);
    if (mayRead && this.#deps.draws.happens(0.5)) this.cut(process);
  }

  /** It runs on its lease, for as long as it may. */
  cut(process: Process): void {
    if (process.isCut) return;
    this.#deps.tally.count('processes cut off');
    this.#deps.log(`${process.label} is cut off`);
    process.isCut = true;
  }

  heal(process: Process): void {
    process.isCut = false;
  }

  end(process: Process): void {
    this.#deps.log(`${process.label} ends`);
    process.isOver = true;
    this.processes.splice(this.processes.indexOf(process), 1);
  }

  /** A request on its way there, and its answer on its way back; either may be lost, or late. */
  poll(process: Process, site: Site, waitSeconds: number): void {
    const { timeline, tally, failed } = this.#deps;
    const question = process.ask(timeline.now);
    tally.count('polls');
    if (this.#isAway(process) || this.#loses(0.04)) return;
    timeline.after(this.#way(), () => {
      if (site.service === null) return;
      site.service
        .ask(WEB, process.caller, question.tag, waitSeconds)
        .then((answer) => this.#answered(process, site, question, answer))
        .catch(failed);
    });
  }

  #answered(process: Process, site: Site, question: Question, answer: Answer): void {
    const { timeline, tally } = this.#deps;
    const way = this.#way();
    if (this.#loses(0.003)) site.crash('between granting and answering');
    else if (this.#loses(0.05)) tally.count('answers to instances lost');
    else
      timeline.after(way, () => {
        if (!this.#isAway(process) && process.hear(question, answer)) this.#used(process, site, answer);
      });
  }

  #used(process: Process, site: Site, { keys, leaseSeconds }: Answer): void {
    const { tally, log } = this.#deps;
    tally.count('answers used');
    log(`${process.label} holds ${keys.revision} from ${site.label} for ${leaseSeconds} s, ${keys.current.version.version} signs`);
    const { instance } = process.caller;
    if (process.held !== null && instance !== null) this.#disks.set(instance, { held: process.held, writer: process });
  }

  #drawName(): InstanceId | null {
    return (this.#deps.draws.pick(this.#names) ?? null) as InstanceId | null;
  }

  #start(instance: InstanceId | null, disk: Held | null): Process {
    const { draws, log } = this.#deps;
    const label = `process ${++this.#started} (${instance ?? 'no name'})`;
    log(`${label} starts${disk === null ? '' : ' with keys from a disk'}`);
    const [oldest] = this.processes;
    if (oldest !== undefined && this.processes.length >= MOST_PROCESSES) this.end(oldest);
    const process = new Process(label, { instance, principal: APP, address: '10.0.0.1' }, draws, disk);
    this.processes.push(process);
    return process;
  }

  #isAway(process: Process): boolean {
    return !this.isCalm && process.isCut;
  }

  #loses(probability: number): boolean {
    return !this.isCalm && this.#deps.draws.happens(probability);
  }

  #way(): Millis {
    const { draws } = this.#deps;
    return this.isCalm || draws.happens(0.95) ? draws.between(0, 80) : draws.between(0, 20_000);
  }
}
