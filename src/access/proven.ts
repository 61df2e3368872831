import type { PresentedToken } from './token-format.ts';

const KEPT = 4_096;

/**
 * Digests of tokens that were good a moment ago, by their text, so that a token which is shown with every request is hashed once. It
 * answers nothing about a token but its digest: whether it is still good is looked up each time.
 *
 * A look-up by a secret text takes no constant time. What could be measured is whether the text's hash, under a seed that V8 draws for each
 * process, falls together with that of a known one; only then are texts compared. That tells nothing from which 256 random bits could be
 * guessed. Texts that were not proven never enter, so nobody can fill it; the text itself is in memory with every request anyway.
 */
export class Proven {
  #digests = new Map<string, PresentedToken>();

  get(text: string): PresentedToken | undefined {
    return this.#digests.get(text);
  }

  add(text: string, token: PresentedToken): void {
    if (this.#digests.has(text)) return;
    if (this.#digests.size >= KEPT) this.#digests = new Map();
    this.#digests.set(text, token);
  }
}
