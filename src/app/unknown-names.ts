import { codeOf, KeyturnError } from '../core/errors.ts';
import type { KeyringName } from '../core/name.ts';
import { MINUTE, SECOND } from '../core/time.ts';
import type { PrincipalId } from '../core/version.ts';
import type { Clock } from '../ports/clock.ts';

/**
 * Bounds the questions that one token may put to the store about keyrings that do not exist: a token for all names could ask for a new one each time. It
 * counts while a question is open, too, once for each name: thousands of instances that share a token may begin at once with the same keyring.
 */
export class UnknownNames {
  readonly #clock: Pick<Clock, 'uptime'>;
  readonly #perMinute: number;
  #minute = -1;
  /** Of this minute; no more entries than tokens that are good. */
  #misses = new Map<PrincipalId, number>();
  /** Names that are asked for now: who asks for the same meanwhile shares the question (app/copies.ts). */
  readonly #open = new Map<PrincipalId, Set<KeyringName>>();

  constructor(clock: Pick<Clock, 'uptime'>, perMinute: number) {
    this.#clock = clock;
    this.#perMinute = perMinute;
  }

  /**
   * Asks, unless this token has asked for too many that there are not.
   * @throws KeyturnError `rate_limited`, and what the question throws
   */
  async asking<Answer>(principal: PrincipalId, name: KeyringName, ask: () => Promise<Answer>): Promise<Answer> {
    const open = this.#open.get(principal) ?? new Set();
    if (open.has(name)) return ask();
    this.#requireRoom(principal, open.size);
    this.#open.set(principal, open.add(name));
    try {
      return await ask();
    } catch (error) {
      if (codeOf(error) === 'keyring_not_found') this.#missed(principal);
      throw error;
    } finally {
      open.delete(name);
      if (open.size === 0) this.#open.delete(principal);
    }
  }

  /** Each open question may turn out to be one too many; most do not, and so are soon out of the way. */
  #requireRoom(principal: PrincipalId, open: number): void {
    const missed = this.#ofThisMinute().get(principal) ?? 0;
    if (missed >= this.#perMinute) throw tooMany(Math.ceil((MINUTE - (this.#clock.uptime() % MINUTE)) / SECOND));
    if (missed + open >= this.#perMinute) throw tooMany(1);
  }

  #missed(principal: PrincipalId): void {
    const missed = this.#ofThisMinute();
    missed.set(principal, (missed.get(principal) ?? 0) + 1);
  }

  #ofThisMinute(): Map<PrincipalId, number> {
    const minute = Math.floor(this.#clock.uptime() / MINUTE);
    if (minute !== this.#minute) this.#misses = new Map();
    this.#minute = minute;
    return this.#misses;
  }
}

function tooMany(retryAfterSeconds: number): KeyturnError {
  const message =
    'This token asks for too many keyrings that are not at hand or do not exist. Check the names, then wait as Retry-After says.';
  return new KeyturnError('rate_limited', message, { retryAfterSeconds: Math.max(1, retryAfterSeconds) });
}
