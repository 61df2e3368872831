import type { KeyJudge } from '../../src/ports/judge.ts';
import { keyJudge } from '../../src/strength/judge.ts';
import { builtInKeys } from '../../src/strength/known-keys.ts';

/** The judge of the service without anything that a store remembers. */
export const testJudge: KeyJudge = keyJudge({ known: [builtInKeys()], reuseOf: null });
