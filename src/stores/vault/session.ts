import { type Millis, SECOND } from '../../core/time.ts';
import type { Clock, Timers } from '../../ports/clock.ts';
import type { VaultHttp } from './http.ts';
import { type Login, logIn, renew } from './login.ts';
import type { VaultAuth } from './options.ts';

/** Of a token's life, when it is renewed. */
const RENEW_AT = 2 / 3;
/** A renewal that gives less than this share of the first life comes from the end of the longest life that Vault allows: time for a new login. */
const WORTH_RENEWING = 1 / 2;
const SOONEST: Millis = SECOND;
const LATER: Millis = 10 * SECOND;
/** A token this young that is refused is refused for what it may do: another would fare no better. */
const YOUNG: Millis = 5 * SECOND;

export interface SessionDeps {
  readonly http: VaultHttp;
  readonly where: string;
  readonly auth: VaultAuth;
  readonly timeout: Millis;
  readonly clock: Clock;
  readonly timers: Timers;
}

interface Held {
  readonly login: Login;
  /** How long the token lived when it was new. */
  readonly firstTtl: Millis | null;
  /** On the clock that never runs backwards. */
  readonly since: Millis;
}

/** The token that Keyturn shows to Vault: logged in for at the first need, renewed at two thirds of its life, replaced when that fails. */
export class Session {
  readonly #deps: SessionDeps;
  #held: Held | null = null;
  #loggingIn: Promise<Held> | null = null;
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  /** @throws KeyturnError and NoAnswer of `logIn` */
  async token(): Promise<string> {
    return (this.#held ?? (await this.#logIn())).login.token;
  }

  /**
   * A token was refused. @returns whether another is at hand, so that asking again may help
   * @throws KeyturnError and NoAnswer of `logIn`
   */
  async replace(refused: string): Promise<boolean> {
    const held = this.#held;
    if (held !== null && held.login.token !== refused) return true;
    if (held !== null && this.#deps.clock.uptime() - held.since < YOUNG) return false;
    return (await this.#logIn()).login.token !== refused;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  /** Callers at the same time share one login. */
  #logIn(): Promise<Held> {
    this.#loggingIn ??= this.#freshLogin().finally(() => {
      this.#loggingIn = null;
    });
    return this.#loggingIn;
  }

  async #freshLogin(): Promise<Held> {
    const login = await logIn(this.#deps.auth, this.#call());
    return this.#hold(login, login.ttl);
  }

  #hold(login: Login, firstTtl: Millis | null): Held {
    const held = { login, firstTtl, since: this.#deps.clock.uptime() };
    this.#held = held;
    if (login.ttl !== null) this.#wake(login.ttl * RENEW_AT);
    return held;
  }

  #wake(delay: Millis): void {
    this.#cancel();
    if (!this.#closed) this.#cancel = this.#deps.timers.after(Math.max(SOONEST, delay), () => void this.#keepAlive());
  }

  /** Never gives up: while the old token lives it is used, and after that the next call logs in by itself. */
  async #keepAlive(): Promise<void> {
    const held = this.#held;
    if (held === null || this.#closed) return;
    try {
      const renewed = held.login.renewable ? await renew(held.login.token, this.#call()) : null;
      if (renewed !== null && isWorthIt(renewed, held)) this.#hold(renewed, held.firstTtl);
      else await this.#logIn();
    } catch {
      // Whatever it was, it shows in the calls that need the token; here it only means: later again.
      this.#wake(LATER);
    }
  }

  #call() {
    const { http, where, timeout } = this.#deps;
    return { http, where, signal: AbortSignal.timeout(timeout) };
  }
}

function isWorthIt({ ttl }: Login, { firstTtl }: Held): boolean {
  return ttl === null || firstTtl === null || ttl >= firstTtl * WORTH_RENEWING;
}
