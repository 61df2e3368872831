import { placeholderFault, structureFaults } from './key-structure.ts';

/** Bytes of entropy-bearing length below which no key signs (256 bits; RFC 7518 §3.2 asks it of HS256). */
export const MIN_KEY_BYTES = 32;

/** Longer keys help nobody: HMAC hashes them down. */
export const MAX_KEY_LENGTH = 1024;

/** Shorter keys are not even imported to verify only: trying them all takes no time. */
export const MIN_VERIFYING_LENGTH = 8;

/** Printable ASCII: itsdangerous encodes keys as UTF-8 and Flask-Login as Latin-1, so only here do all consumers agree. */
const PRINTABLE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** The ways in which a key is looked at. Stable: programs branch on them. */
export const STRENGTH_CHECKS = ['size', 'characters', 'structure', 'placeholder', 'known', 'reuse', 'guessable'] as const;
export type StrengthCheck = (typeof STRENGTH_CHECKS)[number];

/** One reason against a key, in words for its owner that do not quote it. */
export interface Weakness {
  readonly check: StrengthCheck;
  readonly message: string;
  /** No override makes this key usable, not even to verify only. */
  readonly final: boolean;
}

/** What was found out about a key. No weakness is no proof: the randomness of a key that somebody else made cannot be proven. */
export interface Verdict {
  /** That can bear entropy: an upper bound, not an estimate. */
  readonly bytes: number;
  readonly weaknesses: readonly Weakness[];
  /** Checks that could not be made, or had no more to tell. */
  readonly skipped: readonly StrengthCheck[];
}

export const STRENGTH_NOTE = 'Finding no fault is no proof: the randomness of a key that somebody else made cannot be proven.';

/** Whether a key may sign. */
export function isSound({ weaknesses }: Verdict): boolean {
  return weaknesses.length === 0;
}

/** Whether a key may verify for a while under an override, though it may not sign. */
export function mayVerify({ weaknesses }: Verdict): boolean {
  return weaknesses.every(({ final }) => !final);
}

/**
 * How many bytes of a key's text can bear entropy: two hex digits are one byte (an odd number of them too), four base64 characters three, a decimal digit less than half
 * of one; any other text counts a byte a character. Where several readings fit, the smallest counts.
 */
export function entropyBearingBytes(text: string): number {
  const body = text.replace(/^(?:base64:|hex:|0x(?=[0-9a-f]+$))/i, '');
  const plain = body.replace(/[-: ]/g, '');
  const readings = [text.length];
  if (/^[0-9a-f]+$/i.test(plain)) readings.push(plain.length / 2);
  if (/^[0-9]+$/.test(plain)) readings.push((plain.length * Math.log2(10)) / 8);
  if (/^(?:[A-Za-z0-9+/]+|[A-Za-z0-9_-]+)={0,2}$/.test(body)) readings.push((body.replace(/=+$/, '').length * 3) / 4);
  return Math.floor(Math.min(...readings));
}

/** What the text alone tells: its size, its characters, its structure, and whether it is a placeholder. Blanks around it change nothing else. */
export function weaknessesOf(given: string): Weakness[] {
  const text = given.trim();
  if (text === '') return [{ check: 'size', message: given === '' ? 'it is empty' : 'it is blank', final: true }];
  const placeholder = placeholderFault(text);
  return [
    ...sizeWeaknesses(text),
    ...(PRINTABLE.test(given) ? [] : [OTHER_CHARACTERS]),
    ...structureFaults(text).map((message): Weakness => ({ check: 'structure', message, final: false })),
    ...(placeholder === null ? [] : [{ check: 'placeholder', message: placeholder, final: false } as const]),
  ];
}

/** Why a key may not sign, by its text alone. Empty = no fault found, which is no proof of randomness. */
export function keyFaults(text: string): string[] {
  return weaknessesOf(text).map(({ message }) => message);
}

const OTHER_CHARACTERS: Weakness = {
  check: 'characters',
  message: 'it has characters outside printable ASCII, or blanks at an end',
  final: true,
};

function sizeWeaknesses(text: string): Weakness[] {
  if (text.length > MAX_KEY_LENGTH) return [{ check: 'size', message: `it is longer than ${MAX_KEY_LENGTH} characters`, final: true }];
  const bytes = entropyBearingBytes(text);
  if (bytes >= MIN_KEY_BYTES) return [];
  const weak: Weakness = { check: 'size', message: `it holds at most ${bytes} bytes and ${MIN_KEY_BYTES} are needed`, final: false };
  if (text.length >= MIN_VERIFYING_LENGTH) return [weak];
  return [weak, { check: 'size', message: `it has fewer than ${MIN_VERIFYING_LENGTH} characters, which can all be tried`, final: true }];
}
