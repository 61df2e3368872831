import { KeyturnError } from '../../core/errors.ts';
import { type Millis, SECOND } from '../../core/time.ts';
import type { Clock, Timers } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { CallOptions } from '../../ports/store.ts';
import { asFailure } from './failures.ts';
import { type VaultHttp, type VaultRequest, vaultHttp } from './http.ts';
import { CALL_LIMIT, type VaultOptions } from './options.ts';
import { Session } from './session.ts';
import { type Answer, NoAnswer } from './transport.ts';

const TRIES = 4;
const FIRST_PAUSE: Millis = 100;
/** Vault did nothing, and says that it may do it later. */
const NOT_NOW: ReadonlySet<number> = new Set([412, 429, 503]);
/** Somebody on the way failed: Vault may have done it. */
const PERHAPS_DONE: ReadonlySet<number> = new Set([500, 502, 504]);

export interface Call extends Pick<VaultRequest, 'method' | 'path' | 'body'> {
  /** Whether doing it twice is the same as doing it once. Reads always are. */
  readonly repeatable?: boolean;
}

interface ClientDeps {
  readonly http: VaultHttp;
  readonly session: Session;
  readonly where: string;
  readonly timeout: Millis;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

/** A call under way: how long it may take, and whether its token was replaced already. */
interface Running {
  readonly call: Call;
  readonly signal: AbortSignal;
  readonly deadline: Millis;
  replaced: boolean;
}

/** Asks Vault as somebody who is logged in; tries again, a few times and within the time a call may take, where that may help. */
export class VaultClient {
  readonly where: string;
  readonly #deps: ClientDeps;
  #closed = false;

  constructor(deps: ClientDeps) {
    this.#deps = deps;
    this.where = deps.where;
  }

  /** @returns any answer but those that trying again has to deal with @throws KeyturnError `store_unavailable` when there is none */
  async ask(call: Call, options: CallOptions = {}): Promise<Answer> {
    this.requireOpen(options);
    const { timeout, clock } = this.#deps;
    const signals = [AbortSignal.timeout(timeout), ...(options.signal ? [options.signal] : [])];
    const running = { call, signal: AbortSignal.any(signals), deadline: clock.uptime() + timeout, replaced: false };
    return this.#tries(running).catch((error: unknown) => {
      throw asFailure(this.where, error);
    });
  }

  /** @throws KeyturnError `store_unavailable` after `close`, and for a call that was given up before it began */
  requireOpen({ signal }: CallOptions = {}): void {
    if (this.#closed) throw new KeyturnError('store_unavailable', 'The store is closed: the service is stopping.');
    if (signal?.aborted) throw new KeyturnError('store_unavailable', 'The call to the store was given up.');
  }

  close(): void {
    this.#closed = true;
    this.#deps.session.close();
    this.#deps.http.close();
  }

  async #tries(running: Running): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#once(running).catch((error: unknown) => mayTryAgain(error, running));
      const again = answer instanceof NoAnswer || isWorthAnother(answer, running);
      const pause = this.#pause(attempt, answer instanceof NoAnswer ? null : answer.retryAfter);
      if (again && attempt < TRIES && this.#deps.clock.uptime() + pause < running.deadline) {
        await this.#wait(pause, running.signal);
        continue;
      }
      if (answer instanceof NoAnswer) throw answer;
      return answer;
    }
  }

  async #once(running: Running): Promise<Answer> {
    const { http, session } = this.#deps;
    const token = await loggedIn(session.token(), running.signal);
    const answer = await http.ask({ ...running.call, token, signal: running.signal });
    if (answer.status !== 403 || running.replaced) return answer;
    running.replaced = true;
    return (await loggedIn(session.replace(token), running.signal)) ? this.#once(running) : answer;
  }

  /** Twice as long each time, and by chance up to half of it less, so that those who failed together do not come back together; behind what Vault asks to wait. */
  #pause(attempt: number, retryAfter: number | null): Millis {
    const longest = FIRST_PAUSE * 2 ** (attempt - 1);
    const [chance = 0] = this.#deps.random.bytes(1);
    return (retryAfter ?? 0) * SECOND + longest - (longest / 2) * (chance / 255);
  }

  #wait(pause: Millis, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = this.#deps.timers.after(pause, resolve);
    const givenUp = (): void => reject(new NoAnswer('given up', false));
    signal.addEventListener('abort', givenUp, { once: true });
    return promise.finally(() => {
      cancel();
      signal.removeEventListener('abort', givenUp);
    });
  }
}

/** @throws an Error of the file system when the CA file cannot be read */
export async function vaultClient(options: VaultOptions): Promise<VaultClient> {
  const { timeout = CALL_LIMIT, clock, timers, random } = options;
  const where = new URL(options.address).host;
  const http = await vaultHttp(options);
  const session = new Session({ http, where, auth: options.auth, timeout, clock, timers });
  return new VaultClient({ http, session, where, timeout, clock, timers, random });
}

/** Of a login that got no answer, or none in the time of the call that needs it: the call itself was not sent. The login goes on for others. */
async function loggedIn<Result>(login: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const givenUp = (): void => reject(new NoAnswer('given up', false));
  if (signal.aborted) givenUp();
  signal.addEventListener('abort', givenUp, { once: true });
  try {
    return await Promise.race([login, late]);
  } catch (error) {
    throw error instanceof NoAnswer ? new NoAnswer(error.code, false) : error;
  } finally {
    signal.removeEventListener('abort', givenUp);
  }
}

function mayTryAgain(error: unknown, { call, signal }: Running): NoAnswer {
  const again = error instanceof NoAnswer && !signal.aborted && (!error.sent || isRepeatable(call));
  if (again) return error;
  throw error;
}

function isWorthAnother({ status }: Answer, { call }: Running): boolean {
  return NOT_NOW.has(status) || (PERHAPS_DONE.has(status) && isRepeatable(call));
}

function isRepeatable({ method, repeatable = method !== 'POST' }: Call): boolean {
  return repeatable;
}
