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
  #asked = new Map<PrincipalId, number>();
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
    const giveBack = this.#take(principal);
    this.#open.set(principal, open.add(name));
    try {
      const answer = await ask();
      giveBack();
      return answer;
    } catch (error) {
      if (codeOf(error) !== 'keyring_not_found') giveBack();
      throw error;
    } finally {
      open.delete(name);
      if (open.size === 0) this.#open.delete(principal);
    }
  }

  /** @returns takes it back */
  #take(principal: PrincipalId): () => void {
    const asked = this.#ofThisMinute();
    const count = asked.get(principal) ?? 0;
    if (count >= this.#perMinute) throw this.#tooMany();
    asked.set(principal, count + 1);
    return () => void asked.set(principal, (asked.get(principal) ?? 1) - 1);
  }

  #ofThisMinute(): Map<PrincipalId, number> {
    const minute = Math.floor(this.#clock.uptime() / MINUTE);
    if (minute !== this.#minute) this.#asked = new Map();
    this.#minute = minute;
    return this.#asked;
  }

  #tooMany(): KeyturnError {
    const retryAfterSeconds = Math.max(1, Math.ceil((MINUTE - (this.#clock.uptime() % MINUTE)) / SECOND));
    const message = 'This token asks for too many keyrings that do not exist. Check the names, then wait as Retry-After says.';
    return new KeyturnError('rate_limited', message, { retryAfterSeconds });
  }
}
