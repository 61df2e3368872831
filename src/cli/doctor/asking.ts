import type { Unseen } from '../../core/review/finding.ts';
import { EXIT, Failure } from '../failure.ts';

/** Collects what could not be seen while the rest of a review goes on. */
export class Asking {
  readonly #unseen = new Map<string, Unseen>();

  get unseen(): readonly Unseen[] {
    return [...this.#unseen.values()];
  }

  /** Says once that a part could not be looked at. */
  miss(what: string, needs: string): void {
    this.#unseen.set(`${what}\n${needs}`, { what, needs });
  }

  /**
   * What the service tells, or null where it refuses.
   * @param needs what a token must have for it
   * @throws Failure for whatever is not a refusal
   */
  async permitted<Told>(what: string, needs: string, ask: () => Promise<Told>): Promise<Told | null> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (error.code === 'unauthenticated') this.miss(what, 'a token that is good: KEYTURN_TOKEN_FILE names its file');
      else if (error.exitCode === EXIT.unauthorised) this.miss(what, needs);
      else if (error.exitCode === EXIT.unavailable || error.exitCode === EXIT.refused) this.miss(what, `an answer: ${error.message}`);
      else throw error;
      return null;
    }
  }
}
