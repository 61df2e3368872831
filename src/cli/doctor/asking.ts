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
   * What the service tells, or null where it refuses or cannot: the rest of the review is worth having all the same.
   * @param needs what a token must have for it
   */
  async permitted<Told>(what: string, needs: string, ask: () => Promise<Told>): Promise<Told | null> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.miss(what, needsAfter(error, needs));
      return null;
    }
  }
}

function needsAfter({ code, exitCode, message }: Failure, needs: string): string {
  if (code === 'unauthenticated') return 'a token that is good: KEYTURN_TOKEN_FILE names its file';
  return exitCode === EXIT.unauthorised ? needs : `another try: ${message}`;
}
