import { askForKeys, type Changed, type Unchanged } from './ask.ts';
import type { Cache } from './cache.ts';
import type { Millis } from './clock.ts';
import type { Conditions } from './conditions.ts';
import { codeOf, KeyturnError } from './errors.ts';
import type { Holder } from './holder.ts';
import { leaseFrom, type Moment, momentOf } from './lease.ts';
import type { Settings } from './options.ts';
import { isFinal } from './refusal.ts';
import type { Snapshot } from './snapshot.ts';
import { acknowledgeDelay, firstRefreshDelay, type Polled, pollDelay, pollSeconds, refreshDelay, retryDelay } from './timing.ts';
import type { Transport } from './transport.ts';

/** A request under way. */
interface Flight {
  /** The service may hold it: whoever needs an answer now must not wait for it. */
  readonly isHeld: boolean;
  readonly abort: AbortController;
  readonly landed: Promise<void>;
}

export interface RefresherDeps {
  readonly name: string;
  readonly settings: Settings;
  readonly transport: Transport;
  readonly holder: Holder;
  readonly cache: Cache;
  readonly conditions: Conditions;
}

/** How often in a row a service may answer with older keys before it is believed: then a backup was restored there. */
const STALE_ANSWERS_REFUSED = 2;

/** Asks the service at the right times, one request at a time, and hands what it says to the holder and to the cache. */
export class Refresher {
  readonly #deps: RefresherDeps;
  #flight: Flight | null = null;
  #stored: Promise<void> = Promise.resolve();
  #cancel: () => void = () => {};
  #runs = false;
  /** The ETag that was sent last, or may be; null = none. */
  #shown: string | null = null;
  /** Of the last answer to this process, once its cache file holds that answer, or none. */
  #kept: string | null = null;
  /** What the application began with. */
  #first: Snapshot | null = null;
  #acknowledges = false;
  #stale = 0;
  #failures = 0;
  #lastAsked: Millis = Number.NEGATIVE_INFINITY;

  constructor(deps: RefresherDeps) {
    this.#deps = deps;
  }

  /** In a row; 0 = all is well. */
  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds of uptime when the service was asked last. */
  get lastAsked(): Millis {
    return this.#lastAsked;
  }

  /**
   * Asks now. Callers at the same time share one request; a request that the service holds is given up for it.
   * @throws KeyturnError what the service or the network said instead of keys
   */
  ask(): Promise<void> {
    if (this.#flight !== null && !this.#flight.isHeld) return this.#flight.landed;
    this.#flight?.abort.abort();
    return this.#fly(0, false);
  }

  /**
   * As `ask`, and waits until the cache file is in step too. Only who asks for that waits for a disk.
   * @throws KeyturnError as `ask`
   */
  async refresh(): Promise<void> {
    try {
      await this.ask();
    } finally {
      await this.#stored;
    }
  }

  /** Goes on by itself from here. */
  run(): void {
    this.#runs = true;
    const { random } = this.#deps.settings;
    const refreshSeconds = this.#deps.holder.held?.refreshSeconds ?? 1;
    if (this.#failures > 0) this.#scheduleRetry(null);
    else this.#schedule(this.#mayPoll() ? 1_000 * random() : firstRefreshDelay(refreshSeconds, random));
  }

  close(): void {
    this.#runs = false;
    this.#cancel();
    this.#flight?.abort.abort();
  }

  #fly(waitSeconds: number, inBackground: boolean): Promise<void> {
    this.#cancel();
    const abort = new AbortController();
    const landed = this.#exchange(waitSeconds, inBackground, abort.signal).finally(() => {
      if (this.#flight === flight) this.#flight = null;
    });
    const flight: Flight = { isHeld: waitSeconds > 0, abort, landed };
    this.#flight = flight;
    landed.catch(() => {});
    return landed;
  }

  async #exchange(waitSeconds: number, inBackground: boolean, signal: AbortSignal): Promise<void> {
    const { name, settings, transport, holder } = this.#deps;
    const asked = momentOf(settings.clock);
    this.#lastAsked = asked.uptime;
    try {
      const token = settings.token();
      const held = holder.held?.etag ?? null;
      const etag = this.#etagToShow();
      const question = { name, token, instance: settings.instance, etag, waitSeconds, timeout: settings.timeout, signal, inBackground };
      const answer = await askForKeys(transport, question);
      // Given up for a later request: its answer is older than that one's.
      if (signal.aborted) return;
      this.#take(answer, asked, etag);
      this.#acknowledges = !this.#acknowledges && held !== null && this.#isNewsInUse(answer, held);
      this.#stored = this.#store(answer, asked, token);
      this.#succeeded(answer, asked, waitSeconds);
    } catch (error) {
      if (!signal.aborted) this.#failed(error, asked);
      throw error;
    }
  }

  /** Whether there are other keys than before to show. */
  #isNewsInUse(answer: Changed | Unchanged, before: string): boolean {
    return answer.changed && answer.etag !== before && this.#deps.settings.isInUse(answer.snapshot);
  }

  /** The commit point: after it the new keys are in use. */
  #take(answer: Changed | Unchanged, asked: Moment, shown: string | null): void {
    const { holder } = this.#deps;
    const { held } = holder;
    const lease = leaseFrom(asked, answer.leaseSeconds);
    if (!answer.changed) {
      if (held === null) throw new KeyturnError('no_keys', 'The keyring was closed.');
      if (held.etag !== shown) throw stale();
      holder.hold({ ...held, lease, refreshSeconds: answer.refreshSeconds ?? held.refreshSeconds, source: 'service' });
    } else {
      if (held !== null && answer.snapshot.current.version < held.snapshot.current.version) this.#doubt();
      // The same answer again must not look like a change to those who watch.
      const snapshot = held?.etag === answer.etag ? held.snapshot : answer.snapshot;
      holder.hold({ snapshot, etag: answer.etag, lease, refreshSeconds: answer.refreshSeconds, source: 'service' });
    }
    this.#stale = 0;
  }

  #doubt(): void {
    if (this.#stale >= STALE_ANSWERS_REFUSED) return;
    this.#stale++;
    throw stale();
  }

  /**
   * What may be said to be held. The service counts on it: this process has these keys and uses them, and nobody goes back to older ones. So not
   * what came from a cache file, nor what the cache file does not hold yet, nor what the application has still to take into use.
   */
  #etagToShow(): string | null {
    const { settings, holder } = this.#deps;
    const { held } = holder;
    if (held === null) return null;
    this.#first ??= held.snapshot;
    const isKept = held.etag === this.#kept;
    if (isKept && (held.snapshot === this.#first || settings.isInUse(held.snapshot))) this.#shown = held.etag;
    return this.#shown;
  }

  async #store(answer: Changed | Unchanged, asked: Moment, token: string): Promise<void> {
    const { cache } = this.#deps;
    if (!answer.changed) return cache.renewed(token, asked, answer.leaseSeconds);
    this.#kept = cache.isOff ? answer.etag : null;
    if (await cache.answered(token, asked, answer.leaseSeconds, answer.etag, answer.body)) this.#kept = answer.etag;
  }

  #succeeded({ changed, leaseSeconds }: Changed | Unchanged, asked: Moment, waitSeconds: number): void {
    const { settings, holder, conditions, name } = this.#deps;
    const { held } = holder;
    if (held === null) return;
    this.#failures = 0;
    const took = settings.clock.uptime() - asked.uptime;
    const { snapshot, refreshSeconds } = held;
    conditions.end('refresh', 'The service answers again', { keyring: name });
    this.#mentionWeak(snapshot);
    settings.observe({ type: 'refreshed', changed, took, version: snapshot.current.version, leaseSeconds });
    this.#scheduleNext({ changed, askedSeconds: waitSeconds, heldFor: took, refreshSeconds });
  }

  #mentionWeak({ previous }: Snapshot): void {
    const { conditions, name } = this.#deps;
    const versions = previous.flatMap(({ weak, version }) => (weak ? [version] : [])).join();
    if (versions !== '') conditions.begin('weak_key', 'warn', 'Weak keys still verify', { keyring: name, versions }, versions);
  }

  #scheduleNext(polled: Polled): void {
    const { random } = this.#deps.settings;
    if (polled.askedSeconds > 0) this.#schedule(pollDelay(polled, random));
    else if (this.#mayPoll()) this.#schedule(1_000 * random());
    // Never two acknowledgements in a row: a service whose every answer is new must not be asked without end.
    else this.#schedule((this.#acknowledges ? acknowledgeDelay : refreshDelay)(polled.refreshSeconds, random));
  }

  #failed(error: unknown, asked: Moment): void {
    const { settings, conditions, cache, name } = this.#deps;
    const code = codeOf(error) ?? 'unreachable';
    if (code !== 'stale_answer') this.#stale = 0;
    this.#failures++;
    const message = error instanceof KeyturnError ? error.message : 'The request failed.';
    conditions.begin('refresh', isFinal(code) ? 'error' : 'warn', `No fresh keys. ${message}`, { keyring: name, code }, code);
    settings.observe({ type: 'refresh_failed', code, took: settings.clock.uptime() - asked.uptime, failures: this.#failures });
    this.#scheduleRetry(error instanceof KeyturnError ? error.retryAfterSeconds : null);
    if (isFinal(code)) this.#stored = cache.empty();
  }

  #scheduleRetry(retryAfterSeconds: number | null): void {
    const refreshSeconds = this.#deps.holder.held?.refreshSeconds ?? null;
    this.#schedule(retryDelay({ failures: this.#failures, refreshSeconds, retryAfterSeconds }, this.#deps.settings.random));
  }

  #schedule(delay: Millis): void {
    if (!this.#runs) return;
    this.#cancel();
    this.#cancel = this.#deps.settings.timers.after(delay, () => {
      if (this.#flight === null) this.#fly(this.#pollSeconds(), true).catch(() => {});
    });
  }

  #mayPoll(): boolean {
    return this.#failures === 0 && this.#pollSeconds() > 0;
  }

  /** After a failure the next request is a plain one: its answer says whether all is well. */
  #pollSeconds(): number {
    const { settings, holder } = this.#deps;
    if (this.#failures > 0 || holder.held === null || this.#etagToShow() !== holder.held.etag) return 0;
    return pollSeconds(settings.waitSeconds, this.#leaseSeconds(), settings.random);
  }

  #leaseSeconds(): number {
    const { settings, holder } = this.#deps;
    const lease = holder.held?.lease;
    return lease === undefined ? 0 : (lease.uptime - settings.clock.uptime()) / 1_000;
  }
}

function stale(): KeyturnError {
  return new KeyturnError('stale_answer', 'The service answered with older keys than before: one of its replicas is behind.');
}
