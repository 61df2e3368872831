import type pg from 'pg';
import { type Millis, SECOND } from '../../core/time.ts';
import type { Timers } from '../../ports/clock.ts';
import type { Address } from './address.ts';
import { type Connections, type Driver, sessionConfig } from './connections.ts';

const FIRST_PAUSE: Millis = SECOND / 2;
const LONGEST_PAUSE: Millis = 15 * SECOND;
/** How often the listening connection is tried: one that died silently looks like a quiet one. */
const TRY_EVERY: Millis = 15 * SECOND;

export interface NoticesDeps {
  readonly driver: Driver;
  readonly connections: Connections;
  readonly address: Address;
  readonly timeout: Millis;
  /** Of the channel; ours alone in this database. */
  readonly channel: string;
  readonly timers: Timers;
}

/**
 * Tells the other replicas that something changed, and hears it of them: a connection of its own that listens and comes back after a failure. A notice
 * only wakes; what changed is asked of the feeds, which are also asked every second without any notice. So a lost notice costs a second.
 */
export class Notices {
  readonly #deps: NoticesDeps;
  readonly #listeners = new Set<() => void>();
  #client: pg.Client | null = null;
  #sending = false;
  #again = false;
  #closed = false;
  #cancel = (): void => undefined;
  #pause = FIRST_PAUSE;

  constructor(deps: NoticesDeps) {
    this.#deps = deps;
  }

  /** Whether a notice of another replica would be heard now. */
  get listening(): boolean {
    return this.#client !== null;
  }

  /** Calls back at every notice, this replica's own among them, and when the connection is back after a gap. @returns ends it */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells all replicas, soon; changes at the same time share one notice. Never fails: see above. */
  send(): void {
    this.#again = true;
    if (!this.#sending) void this.#sendAll();
  }

  /** Connects, and stays connected until `close`. Never rejects. */
  async start(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#connect();
      this.#pause = FIRST_PAUSE;
    } catch {
      this.#retry();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => undefined);
  }

  async #sendAll(): Promise<void> {
    const { connections, channel } = this.#deps;
    this.#sending = true;
    try {
      while (this.#again) {
        this.#again = false;
        await connections.query('SELECT pg_notify($1, $2)', [channel, '']);
      }
    } catch {
      // the feeds tell the others within a second
    } finally {
      this.#sending = false;
    }
  }

  async #connect(): Promise<void> {
    const { driver, address, timeout, channel } = this.#deps;
    const client = new driver.Client({ ...sessionConfig(address, timeout), query_timeout: timeout });
    client.on('error', () => this.#lost(client));
    client.on('end', () => this.#lost(client));
    client.on('notification', () => this.#wake());
    try {
      await client.connect();
      await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
    this.#client = client;
    if (this.#closed) return this.close();
    this.#try(client);
    this.#wake();
  }

  #try(client: pg.Client): void {
    this.#cancel = this.#deps.timers.after(TRY_EVERY, () => {
      client.query('SELECT 1').then(
        () => client === this.#client && this.#try(client),
        () => this.#lost(client),
      );
    });
  }

  #lost(client: pg.Client): void {
    if (client !== this.#client) return;
    this.#client = null;
    this.#cancel();
    void client.end().catch(() => undefined);
    this.#retry();
  }

  #retry(): void {
    if (this.#closed) return;
    const pause = this.#pause;
    this.#pause = Math.min(LONGEST_PAUSE, pause * 2);
    this.#cancel = this.#deps.timers.after(pause, () => void this.start());
  }

  #wake(): void {
    for (const listener of this.#listeners) listener();
  }
}
