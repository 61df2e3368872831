import type { Batch } from '../audit/ledger.ts';
import { codeOf, ERROR_CODES, type ErrorCode, KeyturnError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import type { Checkpoint } from '../ports/audit.ts';

/** What the service's thread asks of the audit thread. `lines`: the texts of the batch, one a line. */
export type Task =
  | { readonly do: 'open' }
  | { readonly do: 'commit'; readonly batch: Omit<Batch, 'texts'> & { readonly lines: string } }
  | { readonly do: 'checkpoint'; readonly at: Instant }
  | { readonly do: 'drop'; readonly anchor: Checkpoint }
  | { readonly do: 'close' };

/** Several may be under way at once: each is answered by the reply of its number, whenever it is done. */
export interface Asked {
  readonly id: number;
  readonly task: Task;
}

export type Outcome = { readonly ok: true; readonly checkpoint?: Checkpoint } | { readonly ok: false; readonly failure: PlainFailure };

export interface Reply {
  readonly id: number;
  readonly outcome: Outcome;
}

/** An error between threads: its class would not survive. */
export interface PlainFailure {
  readonly code: string;
  readonly message: string;
}

export function plainFailure(error: unknown): PlainFailure {
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return { code: codeOf(error), message: error instanceof Error ? `${error.message}${cause}` : 'unknown' };
}

export function failureFrom({ code, message }: PlainFailure): KeyturnError {
  return new KeyturnError(isCode(code) ? code : 'internal', message);
}

function isCode(code: string): code is ErrorCode {
  return ERROR_CODES.some((known) => known === code);
}
