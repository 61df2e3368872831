import pino, { type DestinationStream, type Logger } from 'pino';
import { codeOf, KeyturnError } from './core/errors.ts';

/** What could be a secret by its form, wherever in a line it stands: our tokens, Vault's, and the password in a URL. */
const MASKS: readonly (readonly [RegExp, string])[] = [
  [/keyturn_[0-9A-Za-z_]{6,}/g, 'keyturn_[redacted]'],
  [/\bhv[bsr]\.[\w-]{6,}/g, '[redacted]'],
  [/(\/\/[^/\s:@"]*):[^/\s@"]+@/g, '$1:[redacted]@'],
];
const MAX_CAUSES = 3;

/**
 * The log of the service: JSON lines, static messages, facts in fields. Secrets hide themselves (core/secret.ts); what could carry one all the
 * same is taken out here: authorisation headers by name, tokens by their form in the finished line, and of an error (under `err`, `error` or
 * `cause`) only its name, code, message and stack, never the fields that clients of other systems hang on theirs.
 */
export function createLogger(level: string, destination: DestinationStream = pino.destination(1)): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: ['headers', '*.headers', 'req.headers', 'authorization', '*.authorization', 'key', '*.key', 'token', '*.token'],
        censor: '[redacted]',
      },
      serializers: { err: outermost, error: outermost, cause: outermost },
      hooks: { streamWrite: masked },
    },
    destination,
  );
}

interface ErrorView {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: ErrorView;
}

function outermost(error: unknown): ErrorView {
  return errorView(error, 0);
}

function errorView(error: unknown, depth: number): ErrorView {
  if (!(error instanceof Error)) return { name: typeof error, message: 'something other than an error was thrown' };
  const code = systemCode(error);
  return {
    name: error.name,
    ...(code !== undefined && { code }),
    message: error.message,
    ...(error.stack !== undefined && { stack: error.stack }),
    ...(error.cause !== undefined && depth < MAX_CAUSES && { cause: errorView(error.cause, depth + 1) }),
  };
}

function systemCode(error: Error): string | undefined {
  if (error instanceof KeyturnError) return codeOf(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function masked(line: string): string {
  return MASKS.reduce((text, [form, mask]) => text.replace(form, mask), line);
}
