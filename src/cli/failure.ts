import type { ErrorCode, Fault, KeyturnError } from '../core/errors.ts';

/** What a program that calls `keyturn` learns from its exit. Stable; the help of `keyturn` lists them. */
export const EXIT = {
  ok: 0,
  /** The service understood and said no; nothing was changed. Also: a judged key may not be used. */
  refused: 1,
  /** The command line or the settings are wrong; nothing was sent. */
  usage: 2,
  /** No answer, or one that is not Keyturn's. */
  unreachable: 3,
  /** No token, or one that is not good for this. */
  unauthorised: 4,
  /** The service cannot do it now (too many requests, store down, internal error): try again later. */
  unavailable: 5,
  /** A fault of this program. */
  bug: 70,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface FailureDetails {
  /** The stable code of the refusal; null where no service was asked. */
  readonly code?: string | null;
  /** Finds the request in the service's log. */
  readonly requestId?: string | null;
  readonly faults?: readonly Fault[];
  readonly cause?: unknown;
}

/** Why a command ends without having done its work: the one error type of the command line. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: ExitCode;
  readonly code: string | null;
  readonly requestId: string | null;
  readonly faults: readonly Fault[];

  constructor(exitCode: ExitCode, message: string, details: FailureDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.exitCode = exitCode;
    this.code = details.code ?? null;
    this.requestId = details.requestId ?? null;
    this.faults = details.faults ?? [];
  }
}

/** A refusal by Keyturn's own code in this process (settings, names, serving) as the command line's. */
export function failureFrom(error: KeyturnError): Failure {
  return new Failure(exitCodeOf(error.code), error.message, { code: error.code, faults: error.faults, cause: error });
}

const EXIT_OF_CODE: Partial<Record<ErrorCode, ExitCode>> = {
  invalid_config: EXIT.usage,
  invalid_request: EXIT.usage,
  invalid_policy: EXIT.usage,
  unauthenticated: EXIT.unauthorised,
  internal: EXIT.bug,
};

function exitCodeOf(code: ErrorCode): ExitCode {
  return EXIT_OF_CODE[code] ?? EXIT.refused;
}
