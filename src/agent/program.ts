import { type Keyring, type Log, momentOf, type Snapshot } from '../../clients/node/src/index.ts';
import { type Millis, SECOND } from '../core/time.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { ExecRequest } from '../ports/sidecar.ts';
import { removeFile, writeAtomically } from './atomic-file.ts';
import { Child, inheritedFrom } from './child.ts';
import type { InUse } from './in-use.ts';
import { handOverAt, stopLead, type Urgency, urgencyOf } from './urgency.ts';
import { environmentOf, textOf } from './values.ts';

/** The exit code when the program was stopped because its lease ended. Others are the program's own (75 is EX_TEMPFAIL of sysexits.h). */
export const LEASE_ENDED_EXIT = 75;

export interface ProgramDeps {
  readonly clock: Clock;
  readonly timers: Timers;
  /** From 0 up to but not including 1. */
  readonly random: () => number;
  readonly log: Log;
  /** Ours; the program inherits it without our secrets. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

type Keys = Pick<Keyring, 'snapshot' | 'lease' | 'onChange' | 'refresh'>;

/** A change that the program has not been given yet. */
interface Pending {
  readonly snapshot: Snapshot;
  readonly urgency: Urgency;
  readonly heardAt: Millis;
  /** What of the splay fell to it. */
  readonly delay: Millis;
}

/** The wall clock may jump, and a machine may sleep: nothing is left alone for longer. */
const LOOK_EVERY: Millis = 10 * SECOND;
const RETRY: Millis = 5 * SECOND;

/**
 * Runs one program on the keys of one keyring. All decisions are made in one place, `#look`, from what is true at that moment; answers of the
 * service, changes, and timers only make it look.
 */
export class Program {
  readonly #request: ExecRequest;
  readonly #deps: ProgramDeps;
  readonly #keys: Keys;
  readonly #inUse: InUse;
  #child: Child | null = null;
  /** Asked to end by us: its exit code says nothing. */
  #dismissed: Child | null = null;
  #pending: Pending | null = null;
  #lastAt: Millis = Number.NEGATIVE_INFINITY;
  /** The program is being started, told or stopped: nothing else is decided meanwhile. */
  #turning = true;
  #stopping = false;
  #exit: number | null = null;
  #cancel: () => void = () => {};
  #resolve: (exit: number) => void = () => {};

  constructor(request: ExecRequest, keys: Keys, inUse: InUse, deps: ProgramDeps) {
    this.#request = request;
    this.#keys = keys;
    this.#inUse = inUse;
    this.#deps = deps;
  }

  /**
   * Runs it to its end, and gives the exit code.
   * @throws Error of node:fs where the file of the keys cannot be written
   */
  async run(): Promise<number> {
    const finished = new Promise<number>((resolve) => {
      this.#resolve = resolve;
    });
    const deaf = this.#keys.onChange(() => this.look());
    try {
      await this.#start();
      this.#turning = false;
      this.look();
      return await finished;
    } finally {
      deaf();
      if (this.#request.keysFile !== null) await removeFile(this.#request.keysFile);
    }
  }

  /** Whether the program has these keys by now. Who was told by a signal is given the grace to read them. */
  uses(snapshot: Snapshot): boolean {
    const { onChange, grace } = this.#request;
    const settled = onChange.kind === 'restart' || this.#deps.clock.uptime() - this.#lastAt >= grace;
    return snapshot === this.#inUse.snapshot && settled;
  }

  /** Hands a signal on. After one that asks to stop, the program is not started again. */
  signal(signal: NodeJS.Signals): void {
    if (signal === 'SIGTERM' || signal === 'SIGINT' || signal === 'SIGQUIT') this.#stopping = true;
    this.#child?.signal(signal);
  }

  /** The service has answered, or time has passed. */
  look(): void {
    if (this.#turning || this.#exit !== null) return;
    this.#cancel();
    const { clock } = this.#deps;
    const now = momentOf(clock);
    const fresh = this.#fresh();
    const { lease } = this.#keys;
    if (fresh !== null && lease !== null) this.#inUse.answered(fresh, lease, now);
    const stopBy = now.uptime + this.#inUse.left(now) - this.#lead();
    this.#notice(fresh, now.uptime);
    if (this.#pending === null || this.#stopping) {
      this.#wait(stopBy, now.uptime, () => void this.#endLease());
    } else {
      const at = handOverAt({ ...this.#pending, lastAt: this.#lastAt, minInterval: this.#request.minInterval, stopBy });
      this.#wait(at, now.uptime, () => void this.#handOver());
    }
  }

  #wait(at: Millis, now: Millis, act: () => void): void {
    if (at <= now) act();
    else this.#cancel = this.#deps.timers.after(Math.min(at - now, LOOK_EVERY), () => this.look());
  }

  #lead(): Millis {
    return stopLead(this.#request.grace, this.#inUse.leaseLength);
  }

  #fresh(): Snapshot | null {
    try {
      return this.#keys.snapshot();
    } catch {
      return null;
    }
  }

  /** Keeps `#pending` in step with what the service said last. */
  #notice(fresh: Snapshot | null, heardAt: Millis): void {
    const held = this.#inUse.snapshot;
    if (fresh === null || held === null || fresh === held) {
      this.#pending = null;
      return;
    }
    if (this.#pending?.snapshot === fresh) return;
    if (this.#looksTheSame(held, fresh)) {
      this.#take(fresh);
      return;
    }
    const urgency = urgencyOf(held, fresh, this.#deps.clock.now());
    this.#pending = { snapshot: fresh, urgency, heardAt, delay: this.#request.splay * this.#deps.random() };
    const { keyring } = this.#request;
    this.#deps.log('info', 'The keys have changed', { keyring, signs: fresh.current.version, next: fresh.next?.version ?? null, urgency });
  }

  /** A program that is given one key does not notice a new next. */
  #looksTheSame(held: Snapshot, fresh: Snapshot): boolean {
    const { variables, keysFile } = this.#request;
    return keysFile === null && JSON.stringify(environmentOf(variables, held)) === JSON.stringify(environmentOf(variables, fresh));
  }

  #take(snapshot: Snapshot): void {
    const { lease } = this.#keys;
    if (lease !== null) this.#inUse.take(snapshot, lease, momentOf(this.#deps.clock));
    this.#pending = null;
  }

  async #start(): Promise<void> {
    const { command, variables, keysFile } = this.#request;
    const snapshot = this.#fresh();
    if (snapshot === null) return this.#finish(LEASE_ENDED_EXIT);
    await this.#writeFile(snapshot);
    if (this.#stopping) return this.#finish(0);
    this.#take(snapshot);
    const named = keysFile === null ? {} : { KEYTURN_KEYS_FILE: keysFile };
    const env = { ...inheritedFrom(this.#deps.environment), ...named, ...environmentOf(variables, snapshot) };
    const child = new Child({ command, env, timers: this.#deps.timers });
    this.#child = child;
    this.#lastAt = this.#deps.clock.uptime();
    void child.ended.then((exit) => {
      if (child !== this.#dismissed) this.#finish(exit);
    });
  }

  async #handOver(): Promise<void> {
    this.#turning = true;
    const { onChange } = this.#request;
    try {
      if (onChange.kind === 'signal') await this.#tell(onChange.signal);
      else await this.#restart();
    } catch (error) {
      await this.#failed(error);
    } finally {
      this.#turning = false;
    }
    this.look();
    // Shows the service that the program has them: a new key may sign as soon as everybody has.
    if (onChange.kind === 'restart') this.#keys.refresh().catch(() => {});
  }

  async #tell(signal: NodeJS.Signals): Promise<void> {
    const fresh = this.#fresh();
    if (fresh === null) return;
    await this.#writeFile(fresh);
    this.#take(fresh);
    this.#lastAt = this.#deps.clock.uptime();
    this.#child?.signal(signal);
  }

  async #restart(): Promise<void> {
    const fresh = this.#fresh();
    // A disk that is full shows while the program still runs.
    if (fresh !== null) await this.#writeFile(fresh);
    this.#deps.log('info', 'The program is restarted with the new keys', { keyring: this.#request.keyring });
    const exit = await this.#dismiss();
    if (this.#stopping) this.#finish(exit);
    else await this.#start();
  }

  /** The keys cannot be written: the program goes on with what it has, while it may. */
  async #failed(error: unknown): Promise<void> {
    const { keyring, grace } = this.#request;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    this.#deps.log('error', 'The file of the keys cannot be written', { keyring, code });
    const now = momentOf(this.#deps.clock);
    if (this.#child === this.#dismissed || this.#inUse.left(now) <= stopLead(grace, this.#inUse.leaseLength)) return this.#endLease();
    if (this.#pending !== null) this.#pending = { ...this.#pending, urgency: 'soon', heardAt: now.uptime, delay: RETRY };
  }

  async #endLease(): Promise<void> {
    this.#turning = true;
    this.#stopping = true;
    this.#deps.log('error', 'The lease ends, so the program is stopped: bring the Keyturn service back', {
      keyring: this.#request.keyring,
    });
    await this.#dismiss();
    this.#finish(LEASE_ENDED_EXIT);
  }

  /** Nobody may use a key after the end of its lease, on the way out neither. */
  async #dismiss(): Promise<number> {
    const child = this.#child;
    this.#dismissed = child;
    const left = Math.max(0, this.#inUse.left(momentOf(this.#deps.clock)));
    await child?.stop(Math.min(this.#request.grace, left));
    return (await child?.ended) ?? 0;
  }

  #finish(exit: number): void {
    this.#exit ??= exit;
    this.#cancel();
    this.#resolve(this.#exit);
  }

  async #writeFile(snapshot: Snapshot): Promise<void> {
    const { keysFile } = this.#request;
    if (keysFile === null) return;
    await writeAtomically({ path: keysFile, mode: 0o600, owner: { user: null, group: null } }, textOf({ kind: 'json' }, snapshot));
  }
}
