import type { Secret } from '../core/secret.ts';
import { entropyBearingBytes, type StrengthCheck, type Verdict, type Weakness, weaknessesOf } from '../core/strength.ts';
import type { KeyJudge, Reuse } from '../ports/judge.ts';
import { isGuessable } from './guesses.ts';
import type { KnownKeys } from './known-keys.ts';

export interface JudgeParts {
  readonly known: readonly KnownKeys[];
  /** Null where the store keeps no fingerprints; then reuse goes unnoticed, and the verdict says so. */
  readonly reuseOf: ((key: Secret) => Promise<Reuse>) | null;
}

const KNOWN: Weakness = { check: 'known', message: 'it is a published default or example, which attackers try first', final: false };
const GUESSABLE: Weakness = {
  check: 'guessable',
  message: 'it can be guessed from words, names, dates or keyboard patterns',
  final: false,
};
const REUSED: Readonly<Record<Reuse, readonly Weakness[]>> = {
  none: [],
  used: [{ check: 'reuse', message: 'it is or was the key of another version here: each keyring needs its own', final: false }],
  revoked: [{ check: 'reuse', message: 'it was revoked here, and a revoked key never comes back', final: true }],
};

/** Every check, the cheap ones first; a key that is final by its text alone is looked at no further. */
export function keyJudge({ known, reuseOf }: JudgeParts): KeyJudge {
  return {
    async judge(key): Promise<Verdict> {
      const given = key.reveal();
      const text = given.trim();
      const bytes = entropyBearingBytes(text);
      const published = known.some((keys) => keys.has(given)) ? [KNOWN] : [];
      const plain = [...weaknessesOf(given), ...published];
      if (plain.some(({ final }) => final)) return { bytes, weaknesses: plain, skipped: ['reuse', 'guessable'] };
      const reused = reuseOf === null ? [] : REUSED[await reuseOf(key)];
      const weaknesses = [...plain, ...reused];
      const guessable = weaknesses.length === 0 && (await isGuessable(text)) ? [GUESSABLE] : [];
      return { bytes, weaknesses: [...weaknesses, ...guessable], skipped: skipped(reuseOf === null, weaknesses.length > 0) };
    },
  };
}

/** Guessing is the dear check: it is left out where the verdict stands without it. */
function skipped(reuse: boolean, guessable: boolean): StrengthCheck[] {
  return [...(reuse ? (['reuse'] as const) : []), ...(guessable ? (['guessable'] as const) : [])];
}
