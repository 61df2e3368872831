import type { Logger } from 'pino';
import { EXIT } from '../cli/failure.ts';

/**
 * Ends the process on a failure that nobody caught. Node itself would print it with every field that clients of other systems hang on their errors,
 * requests with their headers among them.
 */
export function logLastWords(logger: Logger): void {
  process.on('uncaughtException', (error: unknown) => {
    logger.fatal({ err: error }, 'a failure that nobody caught');
    process.stderr.write('keyturn: Something went wrong inside keyturn itself. Its log has more; please report it.\n');
    process.exit(EXIT.bug);
  });
}
