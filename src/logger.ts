import pino, { type DestinationStream, type Logger } from 'pino';
import { codeOf, KeyturnError } from './core/errors.ts';

/** Any text of ours that could be a token, wherever it stands. */
const TOKEN = /keyturn_[0-9A-Za-z_]{6,}/g;
const MAX_CAUSES = 3;

/**
 * The log of the service: JSON lines, static messages, facts in fields. Secrets hide themselves (core/secret.ts); what could carry one all the
 * same is taken out here: authorisation headers by name, tokens by their form, and of an error only its name, code, message and stack, never the
 * fields that clients of other systems hang on theirs.
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
      serializers: { err: (error: unknown) => errorView(error, 0) },
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

function errorView(error: unknown, depth: number): ErrorView {
  if (!(error instanceof Error)) return { name: typeof error, message: 'something other than an error was thrown' };
  const code = systemCode(error);
  return {
    name: error.name,
    ...(code !== undefined && { code }),
    message: masked(error.message),
    ...(error.stack !== undefined && { stack: masked(error.stack) }),
    ...(error.cause !== undefined && depth < MAX_CAUSES && { cause: errorView(error.cause, depth + 1) }),
  };
}

function systemCode(error: Error): string | undefined {
  if (error instanceof KeyturnError) return codeOf(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function masked(text: string): string {
  return text.replace(TOKEN, 'keyturn_[redacted]');
}
