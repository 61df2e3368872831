import { codeOf, KeyturnError } from '../core/errors.ts';
import { MINUTE, SECOND } from '../core/time.ts';
import type { PrincipalId } from '../core/version.ts';
import type { Clock } from '../ports/clock.ts';

/**
 * Bounds the questions that one token may put to the store about keyrings that do not exist: a token for all names could ask for a new one each time. It
 * counts while a question is open, too.
 */
export class UnknownNames {
  readonly #clock: Pick<Clock, 'uptime'>;
  readonly #perMinute: number;
  #minute = -1;
  /** Of this minute; no more entries than tokens that are good. */
  #asked = new Map<PrincipalId, number>();

  constructor(clock: Pick<Clock, 'uptime'>, perMinute: number) {
    this.#clock = clock;
    this.#perMinute = perMinute;
  }

  /**
   * Asks, unless this token has asked for too many that there are not.
   * @throws KeyturnError `rate_limited`, and what the question throws
   */
  async asking<Answer>(principal: PrincipalId, ask: () => Promise<Answer>): Promise<Answer> {
    const asked = this.#ofThisMinute();
    const count = asked.get(principal) ?? 0;
    if (count >= this.#perMinute) throw this.#tooMany();
    asked.set(principal, count + 1);
    const giveBack = (): void => void asked.set(principal, (asked.get(principal) ?? 1) - 1);
    try {
      const answer = await ask();
      giveBack();
      return answer;
    } catch (error) {
      if (codeOf(error) !== 'keyring_not_found') giveBack();
      throw error;
    }
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
