import { type Keyring, type Log, leaseLeft, momentOf, type Snapshot } from '../../clients/node/src/index.ts';
import { type Millis, SECOND } from '../core/time.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { AgentKeyring } from '../ports/sidecar.ts';
import { removeFile, writeAtomically } from './atomic-file.ts';
import { Child, inheritedFrom } from './child.ts';
import { InUse } from './in-use.ts';
import type { ServedKeys } from './served-keys.ts';
import { textOf } from './values.ts';

export interface DeliveryDeps {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  /** Ours; the command inherits it without our secrets. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

type Keys = Pick<Keyring, 'snapshot' | 'lease' | 'onChange' | 'refresh'>;

const LOOK_EVERY: Millis = 10 * SECOND;
const FIRST_RETRY: Millis = 2 * SECOND;
const LONGEST_RETRY: Millis = 60 * SECOND;
const COMMAND_LIMIT: Millis = 60 * SECOND;

/**
 * Keeps the files of one keyring true: they hold the keys of the last answer while its lease lasts, and are not there otherwise. All decisions
 * are made in `look`, from what is true at that moment.
 */
export class Delivery {
  readonly #settings: AgentKeyring;
  readonly #deps: DeliveryDeps;
  readonly #inUse = new InUse();
  #keys: Keys | null = null;
  #turn: Promise<void> = Promise.resolve();
  #busy = false;
  #failures = 0;
  #retryAt: Millis = 0;
  #settledAt: Millis = 0;
  /** What the command was run for last. */
  #told: Snapshot | null = null;
  /** What the service was shown last. */
  #shown: Snapshot | null = null;
  #withdrawn = false;
  #over = false;
  /** When the last lease ends that was granted to a local program on the keys at hand, and on any older ones. */
  #grantedUntil: Millis = 0;
  #olderUntil: Millis = 0;
  #granted: Snapshot | null = null;
  #cancel: () => void = () => {};

  constructor(settings: AgentKeyring, deps: DeliveryDeps) {
    this.#settings = settings;
    this.#deps = deps;
  }

  /** From here on it delivers the keys of this keyring. */
  watch(keys: Keys): void {
    this.#keys = keys;
    keys.onChange(() => this.look());
    this.look();
  }

  /** Whether every local program has these keys by now, and none of them may still hold others. */
  uses(snapshot: Snapshot): boolean {
    const now = this.#deps.clock.uptime();
    this.#noteGrants(snapshot);
    return snapshot === this.#told && now >= this.#settledAt && now >= this.#olderUntil;
  }

  /** For a local program; null where there are no keys that may be used. */
  serve(): ServedKeys | null {
    const fresh = this.#fresh();
    const lease = this.#keys?.lease;
    if (fresh === null || !lease) return null;
    const now = momentOf(this.#deps.clock);
    const leaseSeconds = Math.floor(leaseLeft(lease, now) / SECOND);
    if (leaseSeconds < 1) return null;
    this.#noteGrants(fresh);
    this.#grantedUntil = now.uptime + leaseSeconds * SECOND;
    return { snapshot: fresh, leaseSeconds };
  }

  /** The service has answered, or time has passed. */
  look(): void {
    if (this.#keys === null || this.#busy || this.#over) return;
    this.#cancel();
    const now = momentOf(this.#deps.clock);
    const fresh = this.#fresh();
    if (fresh !== null && this.#keys?.lease) this.#inUse.answered(fresh, this.#keys.lease, now);
    const hasEnded = fresh === null || (this.#inUse.snapshot !== null && this.#inUse.left(now) <= 0);
    const mayTry = now.uptime >= this.#retryAt;
    if (hasEnded && !this.#withdrawn && mayTry) {
      this.#begin(() => this.#withdraw());
    } else if (fresh !== null && fresh !== this.#told && mayTry) {
      this.#begin(() => this.#deliver(fresh));
    } else {
      this.#show(fresh, now.uptime);
      this.#cancel = this.#deps.timers.after(this.#nextLook(now.uptime), () => this.look());
    }
  }

  /** Takes the keys away: nobody would watch their lease. */
  async stop(): Promise<void> {
    this.#over = true;
    this.#cancel();
    await this.#turn;
    await this.#removeFiles();
  }

  /** As at the end of a lease; for a start without keys. */
  async withdraw(): Promise<void> {
    if (!this.#withdrawn) await this.#withdraw().catch((error: unknown) => this.#failed(error));
  }

  #nextLook(now: Millis): Millis {
    const moments = [this.#retryAt, this.#settledAt].filter((at) => at > now).map((at) => at - now);
    const left = this.#inUse.left(momentOf(this.#deps.clock));
    return Math.max(1, Math.min(LOOK_EVERY, ...moments, ...(left > 0 ? [left] : [])));
  }

  #fresh(): Snapshot | null {
    try {
      return this.#keys?.snapshot() ?? null;
    } catch {
      return null;
    }
  }

  #noteGrants(fresh: Snapshot): void {
    if (this.#granted === fresh) return;
    this.#granted = fresh;
    this.#olderUntil = Math.max(this.#olderUntil, this.#grantedUntil);
    this.#grantedUntil = 0;
  }

  #begin(work: () => Promise<void>): void {
    this.#busy = true;
    this.#turn = work()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#busy = false;
        this.look();
      });
  }

  async #deliver(snapshot: Snapshot): Promise<void> {
    const { name, files, settle } = this.#settings;
    if (snapshot !== this.#inUse.snapshot) {
      this.#withdrawn = false;
      for (const file of files) await writeAtomically(file, textOf(file.template, snapshot));
      const lease = this.#keys?.lease;
      // Changed again while the disk wrote: whoever looks next sees to it.
      if (!lease || this.#fresh() !== snapshot) return;
      this.#inUse.take(snapshot, lease, momentOf(this.#deps.clock));
    }
    await this.#run('changed');
    this.#told = snapshot;
    this.#settledAt = this.#deps.clock.uptime() + settle;
    this.#failures = 0;
    this.#deps.log('info', 'Keys delivered', { keyring: name, signs: snapshot.current.version, next: snapshot.next?.version ?? null });
  }

  async #withdraw(): Promise<void> {
    this.#inUse.drop();
    this.#told = null;
    await this.#removeFiles();
    this.#withdrawn = true;
    this.#deps.log('error', 'No keys may be used: their files are removed until the service answers', { keyring: this.#settings.name });
    await this.#run('withdrawn');
  }

  async #removeFiles(): Promise<void> {
    for (const { path } of this.#settings.files) await removeFile(path);
  }

  /** @throws Error where the command fails */
  async #run(event: string): Promise<void> {
    const { onChange, name } = this.#settings;
    if (onChange === null) return;
    const { timers, environment } = this.#deps;
    const env = { ...inheritedFrom(environment), KEYTURN_EVENT: event, KEYTURN_KEYRING: name };
    const child = new Child({ command: onChange, env, timers });
    const cancel = timers.after(COMMAND_LIMIT, () => void child.stop(SECOND));
    const exit = await child.ended;
    cancel();
    if (exit !== 0) throw new CommandFailed(exit);
  }

  #failed(error: unknown): void {
    const exit = error instanceof CommandFailed ? error.exit : null;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    const delay = Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** Math.min(this.#failures, 10));
    this.#failures++;
    this.#retryAt = this.#deps.clock.uptime() + delay;
    const facts = { keyring: this.#settings.name, ...(exit === null ? { code } : { exit }) };
    const what = exit === null ? 'The files of the keys cannot be changed' : 'The command after a change of keys failed';
    this.#deps.log('error', what, facts);
  }

  /** Tells the service, once, that these keys are in use here: a new key may sign as soon as everybody has it. */
  #show(fresh: Snapshot | null, now: Millis): void {
    if (fresh === null || fresh === this.#shown || now < this.#settledAt || !this.uses(fresh)) return;
    this.#shown = fresh;
    this.#keys?.refresh().catch(() => {});
  }
}

class CommandFailed extends Error {
  readonly exit: number;

  constructor(exit: number) {
    super('The command failed.');
    this.exit = exit;
  }
}
