import type pg from 'pg';
import { KeyturnError } from '../../core/errors.ts';
import { type Millis, SECOND } from '../../core/time.ts';
import type { CallOptions } from '../../ports/store.ts';
import type { Address } from './address.ts';
import { GivenUp, isUsableAfter, postgresFailure } from './errors.ts';
import type { Row } from './row.ts';

export interface ConnectionLimits {
  /** Connections at the same time; more callers wait. */
  readonly poolSize: number;
  /** A call that takes longer, waiting for a connection included, is given up. The server stops a statement by itself after the same time. */
  readonly timeout: Millis;
}

/** The client library, loaded by whoever opens the store. */
export type Driver = typeof pg;

/** Asks within one transaction. */
export type Ask = (sql: string, values?: readonly unknown[]) => Promise<Row[]>;

/** A call that is given up may be under way: the server ends the statement after the same time. */
export const CALL_LIMIT: Millis = 5 * SECOND;
const IDLE_FOR: Millis = 60_000;

/** As `pg_stat_activity` shows the sessions of services on a schema; the server cuts names there. */
export function nameOfSessions(schema: string): string {
  return `keyturn ${schema}`.slice(0, 63);
}

/** What every connection of Keyturn has in common. */
export function sessionConfig({ config }: Address, timeout: Millis): pg.ClientConfig {
  return { application_name: 'keyturn', ...config, connectionTimeoutMillis: timeout, statement_timeout: timeout, keepAlive: true };
}

/**
 * A bounded pool of connections to one server. Every failure is a KeyturnError of `errors.ts`. A single `query` is a transaction of its own: it
 * took effect as a whole, or not at all.
 */
export class Connections {
  readonly where: string;
  readonly #limits: ConnectionLimits;
  readonly #make: () => pg.Pool;
  #pool: pg.Pool;
  #closing: Promise<void> | null = null;

  constructor(driver: Driver, address: Address, limits: ConnectionLimits) {
    this.where = address.where;
    this.#limits = limits;
    this.#make = () => {
      const session = sessionConfig(address, limits.timeout);
      const pool = new driver.Pool({ ...session, max: limits.poolSize, idleTimeoutMillis: IDLE_FOR });
      // A connection that ends, idle or lent, is replaced by the next call; without listeners it would end the process.
      pool.on('error', () => undefined);
      pool.on('connect', (client) => client.on('error', () => undefined));
      return pool;
    };
    this.#pool = this.#make();
  }

  async query(sql: string, values: readonly unknown[] = [], options?: CallOptions): Promise<Row[]> {
    return this.#use(options?.signal, (client) => rowsOf(client, sql, values));
  }

  /**
   * As `query`, of a statement that comes again and again: each connection has the server parse and plan it once.
   * @param name always of the same text
   */
  async prepared(name: string, sql: string, values: readonly unknown[]): Promise<Row[]> {
    return this.#use(undefined, async (client) => (await client.query<Row>({ name, text: sql, values: [...values] })).rows);
  }

  /** Commits what the body did, or undoes all of it when the body throws. */
  transaction<Result>(body: (ask: Ask) => Promise<Result>, options?: CallOptions): Promise<Result> {
    return this.#use(options?.signal, async (client) => {
      await client.query('BEGIN');
      try {
        const result = await body((sql, values = []) => rowsOf(client, sql, values));
        await client.query('COMMIT');
        return result;
      } catch (error) {
        if (isUsableAfter(error)) await client.query('ROLLBACK');
        throw error;
      }
    });
  }

  /** Harmless a second time. What is under way is finished. */
  close(): Promise<void> {
    this.#closing ??= this.#pool.end().catch(() => undefined);
    return this.#closing;
  }

  async #use<Result>(given: AbortSignal | undefined, body: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
    if (this.#closing !== null) throw new KeyturnError('store_unavailable', 'The store is closed: the service is stopping.');
    const pool = this.#pool;
    const limit = AbortSignal.timeout(this.#limits.timeout);
    const signal = given === undefined ? limit : AbortSignal.any([limit, given]);
    try {
      const client = await connect(pool, signal);
      return await lend(client, unlessAborted(body(client), signal));
    } catch (error) {
      if (limit.aborted && error instanceof GivenUp) this.#renew(pool);
      throw postgresFailure(error, this.where);
    }
  }

  /** A server that fell silent leaves connections that look alive: the next calls begin with new ones. */
  #renew(silent: pg.Pool): void {
    if (silent !== this.#pool || this.#closing !== null) return;
    this.#pool = this.#make();
    silent.end().catch(() => undefined);
  }
}

async function connect(pool: pg.Pool, signal: AbortSignal): Promise<pg.PoolClient> {
  if (signal.aborted) throw new GivenUp(reasonOf(signal));
  const connecting = pool.connect();
  try {
    return await unlessAborted(connecting, signal);
  } catch (error) {
    connecting.then(
      (client) => client.release(),
      () => undefined,
    );
    throw error;
  }
}

async function lend<Result>(client: pg.PoolClient, work: Promise<Result>): Promise<Result> {
  try {
    const result = await work;
    client.release();
    return result;
  } catch (error) {
    // true: the connection is ended, its answer may still be under way
    client.release(!isUsableAfter(error));
    throw error;
  }
}

async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(new GivenUp(reasonOf(signal)));
  signal.addEventListener('abort', abort, { once: true });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function reasonOf({ reason }: AbortSignal): string {
  return reason instanceof Error && reason.name === 'TimeoutError' ? 'it did not answer in time.' : 'its caller no longer waits.';
}

async function rowsOf(client: pg.ClientBase, sql: string, values: readonly unknown[]): Promise<Row[]> {
  const { rows } = await client.query<Row>(sql, [...values]);
  return rows;
}
