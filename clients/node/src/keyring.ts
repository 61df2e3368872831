import { Cache } from './cache.ts';
import type { Millis } from './clock.ts';
import { Conditions } from './conditions.ts';
import { codeOf, KeyturnError } from './errors.ts';
import { type ChangeListener, Holder } from './holder.ts';
import { type Lease, leaseLeft, momentOf } from './lease.ts';
import { type KeyringOptions, type Settings, settingsOf } from './options.ts';
import { Refresher } from './refresher.ts';
import { isFinal } from './refusal.ts';
import type { Snapshot } from './snapshot.ts';
import { retryDelay } from './timing.ts';
import { createTransport } from './transport.ts';

/** How a keyring does, for a health page. Nothing here is secret. */
export interface KeyringStatus {
  readonly name: string;
  /** False = `snapshot` throws. */
  readonly usable: boolean;
  /** Version that signs; null = no keys at all. */
  readonly version: number | null;
  readonly next: number | null;
  readonly previous: readonly number[];
  /** Where the keys came from last. */
  readonly source: 'service' | 'cache' | null;
  /** 0 = ended. */
  readonly leaseSecondsLeft: number;
  /** Failed requests in a row. */
  readonly failures: number;
}

/**
 * The keys of one keyring, kept fresh in the background. Nothing it does there throws into the application.
 * Everything that signs or verifies takes them from `snapshot()` each time, or hears of changes through `onChange`.
 */
export class Keyring {
  readonly name: string;
  readonly #settings: Settings;
  readonly #conditions: Conditions;
  readonly #holder: Holder;
  readonly #cache: Cache;
  readonly #refresher: Refresher;
  readonly #closeTransport: () => void;
  #closed = false;

  /** Use `openKeyring`. */
  constructor(name: string, settings: Settings) {
    this.name = name;
    this.#settings = settings;
    this.#conditions = new Conditions(settings.log);
    this.#holder = new Holder(settings.clock, settings.timers, {
      leaseEnded: () => this.#leaseEnded(),
      listenerFailed: () => this.#say('listener', 'A listener of key changes threw'),
    });
    this.#holder.onChange((snapshot) => {
      if (snapshot !== null) this.#conditions.end('lease', 'Keys may be used again', { keyring: name });
    });
    this.#cache = new Cache(name, settings, this.#conditions);
    const transport = createTransport(settings.url, settings.ca);
    this.#closeTransport = () => transport.close();
    const { cache, holder, conditions } = { cache: this.#cache, holder: this.#holder, conditions: this.#conditions };
    this.#refresher = new Refresher({ name, settings, transport, holder, cache, conditions });
  }

  /**
   * The keys that may be used now. Costs less than a microsecond: call it for each token.
   * @throws KeyturnError `lease_ended` (the service has been silent for a whole lease), `no_keys`, `closed`; answer with 503
   */
  snapshot(): Snapshot {
    const snapshot = this.#holder.usable();
    if (snapshot !== null) return snapshot;
    throw this.#withoutKeys();
  }

  /**
   * Calls back at each change of keys or roles, and with null when the lease has ended. Returns what ends it.
   * The callback runs within one step of the event loop: no request sees half a change.
   */
  onChange(listener: ChangeListener): () => void {
    return this.#holder.onChange(listener);
  }

  /**
   * Asks the service now and gives the keys.
   * @throws KeyturnError what the service or the network said instead
   */
  async refresh(): Promise<Snapshot> {
    if (this.#closed) throw closed();
    await this.#refresher.refresh();
    return this.snapshot();
  }

  /** Asks the service unless it was asked within so many seconds. For a token by a key that is not here (yet). Never throws. */
  async refreshUnlessFresh(seconds = 30): Promise<void> {
    const sinceAsked: Millis = this.#settings.clock.uptime() - this.#refresher.lastAsked;
    if (this.#closed || sinceAsked < seconds * 1_000) return;
    await this.#refresher.ask().catch(() => {});
  }

  /** Until when the keys at hand may be used, renewals so far included; null = there are none. */
  get lease(): Lease | null {
    return this.#holder.held?.lease ?? null;
  }

  status(): KeyringStatus {
    const { held } = this.#holder;
    const snapshot = held?.snapshot;
    const left = held === null ? 0 : leaseLeft(held.lease, momentOf(this.#settings.clock));
    return {
      name: this.name,
      usable: this.#holder.usable() !== null,
      version: snapshot?.current.version ?? null,
      next: snapshot?.next?.version ?? null,
      previous: snapshot?.previous.map(({ version }) => version) ?? [],
      source: held?.source ?? null,
      leaseSecondsLeft: Math.max(0, Math.floor(left / 1_000)),
      failures: this.#refresher.failures,
    };
  }

  /** Stops asking and forgets the keys. */
  close(): void {
    this.#closed = true;
    this.#refresher.close();
    this.#cache.close();
    this.#holder.close();
    this.#closeTransport();
  }

  /**
   * Gets the first keys: from the service, or from the cache where the service cannot answer.
   * @throws KeyturnError what kept it from getting any
   */
  async start(): Promise<void> {
    this.#warnOfPlainText();
    await this.#loadCache();
    await this.#getFirstKeys();
    this.#refresher.run();
  }

  async #getFirstKeys(): Promise<void> {
    const { clock, timers, startWithin, random } = this.#settings;
    const deadline = clock.uptime() + startWithin;
    for (let failures = 1; ; failures++) {
      const error = await this.#refresher.refresh().then(
        () => null,
        (reason: unknown) => reason,
      );
      if (error === null) return;
      const code = codeOf(error);
      const isHopeless = isFinal(code) || code === 'config' || code === 'closed';
      if (!isHopeless && this.#holder.usable() !== null) return;
      const retryAfterSeconds = error instanceof KeyturnError ? error.retryAfterSeconds : null;
      const delay = retryDelay({ failures, refreshSeconds: null, retryAfterSeconds }, random);
      if (isHopeless || clock.uptime() + delay > deadline) throw error;
      await new Promise<void>((resolve) => void timers.after(delay, resolve));
    }
  }

  async #loadCache(): Promise<void> {
    const { clock, observe } = this.#settings;
    const now = momentOf(clock);
    const cached = await this.#cache.load(this.#settings.token(), now.wall);
    if (cached === null) return;
    const { keys, etag, leaseUntil, askedAt } = cached;
    const left = leaseUntil - Math.max(now.wall, askedAt);
    const { snapshot, refreshSeconds } = keys;
    this.#holder.hold({ snapshot, etag, refreshSeconds, lease: { wall: leaseUntil, uptime: now.uptime + left }, source: 'cache' });
    observe({ type: 'loaded_from_cache', version: snapshot.current.version });
  }

  #leaseEnded(): void {
    this.#say('lease', 'The lease has ended: no key may be used until the service answers');
    this.#settings.observe({ type: 'lease_ended' });
  }

  #withoutKeys(): KeyturnError {
    if (this.#closed) return closed();
    void this.refreshUnlessFresh(1);
    if (this.#holder.held === null) return new KeyturnError('no_keys', `There are no keys of keyring ${this.name} yet.`);
    return new KeyturnError(
      'lease_ended',
      `The Keyturn service has been silent for a whole lease, so the keys of keyring ${this.name} may not be used any more. Bring it back: the application recovers by itself.`,
    );
  }

  #warnOfPlainText(): void {
    const { url } = this.#settings;
    if (url.protocol === 'https:' || /^(?:localhost|127\.|\[::1\])/.test(url.hostname)) return;
    this.#say('plain_text', 'Keys and token travel without encryption: give an https URL');
  }

  #say(condition: string, message: string): void {
    this.#conditions.begin(condition, condition === 'lease' ? 'error' : 'warn', message, { keyring: this.name });
  }
}

function closed(): KeyturnError {
  return new KeyturnError('closed', 'The keyring was closed.');
}

/**
 * Opens a keyring. Where the environment has `KEYTURN_URL` and `KEYTURN_TOKEN_FILE`, the name is all it needs.
 * @throws KeyturnError `config`; or what kept it from getting any keys within `startSeconds`: it never starts without
 */
export async function openKeyring(name: string, options: KeyringOptions = {}): Promise<Keyring> {
  const keyring = new Keyring(name, settingsOf(name, options));
  // Timers and sockets in the background let the process end; this start must not.
  const alive = setInterval(() => {}, 2 ** 30);
  try {
    await keyring.start();
    return keyring;
  } catch (error) {
    keyring.close();
    throw error;
  } finally {
    clearInterval(alive);
  }
}
