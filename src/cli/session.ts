import type { Deps } from './deps.ts';
import { type Paint, paintFor } from './ui.ts';

/** What every command works with: the dependences, and how to print. */
export interface Session extends Deps {
  readonly paint: Paint;
  /** Prints an answer as it is. */
  readonly print: (text: string) => void;
  /** Says something beside the answer: a warning, a hint for people. */
  readonly note: (text: string) => void;
  /** The exit code, where it is another program's. */
  readonly endWith: (exit: number) => void;
}

export function sessionOf(deps: Deps, endWith: (exit: number) => void): Session {
  return {
    ...deps,
    paint: paintFor(deps.stdout, deps.isTerminal),
    print: (text) => void deps.stdout.write(text),
    note: (text) => void deps.stderr.write(text),
    endWith,
  };
}
