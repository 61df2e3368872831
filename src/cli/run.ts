import { CommanderError } from 'commander';
import { KeyturnError } from '../core/errors.ts';
import type { Deps } from './deps.ts';
import { EXIT, Failure, failureFrom } from './failure.ts';
import { buildProgram } from './program.ts';
import { failureText } from './ui.ts';

/**
 * Runs one command and never throws: what went wrong is on stderr, and the exit code says which kind of wrong it was.
 * @param argv what follows the name of the program
 */
export async function run(argv: readonly string[], deps: Deps): Promise<number> {
  let exit: number = EXIT.ok;
  deps.stdout.once('error', letReaderGo);
  try {
    const program = buildProgram(deps, (other) => {
      exit = other;
    });
    await program.parseAsync([...argv], { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const failure = toFailure(error);
    deps.stderr.write(failureText(failure));
    return failure.exitCode;
  }
}

/** `keyturn history web | head` closes our output early; that is no failure. */
function letReaderGo(error: Error): void {
  if (!('code' in error) || error.code !== 'EPIPE') throw error;
}

function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof KeyturnError) return failureFrom(error);
  const kind = error instanceof Error ? error.name : typeof error;
  // The message of an unknown error may quote what it choked on; a secret could be in it.
  return new Failure(EXIT.bug, `Something went wrong inside keyturn itself (${kind}). Please report it with the command you typed.`, {
    cause: error,
  });
}
