import { type ErrorCode, KeyturnError } from '../../core/errors.ts';

/** The call was given up: by its caller, or because the server took too long. */
export class GivenUp extends Error {
  override readonly name = 'GivenUp';
}

type Meaning = readonly [code: ErrorCode, sentence: string];

/** By SQLSTATE, whole or its class (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const STATES: Readonly<Record<string, Meaning>> = {
  '53100': ['store_full', 'has no room left on its disk: nothing was changed. Make room'],
  '53200': ['store_unavailable', 'is out of memory. Look at the server'],
  '53300': ['store_unavailable', 'has too many connections: raise max_connections, or lower the pool size of the replicas'],
  '25006': ['store_read_only', 'is read-only: it is a standby, or was set so. Name the primary'],
  '42501': ['store_read_only', 'does not allow this to the user of Keyturn: grant what docs/stores.md lists'],
  '9K001': ['store_read_only', 'is being moved to another store, or was moved: nothing may be changed here. See keyturn migrate'],
  '9K002': ['store_read_only', 'has another master key by now: stop this replica, and start it with that one'],
  '57014': ['store_unavailable', 'took too long and was told to stop. Look at its load and its locks'],
  '57': ['store_unavailable', 'is stopping or starting. Keyturn tries again by itself'],
  '08': ['store_unavailable', 'lost the connection. Keyturn tries again by itself'],
  '28': ['store_unavailable', 'refuses the user or the password. Correct the URL of the store'],
  '3D': ['store_unavailable', 'has no such database. Create it, or correct the URL of the store'],
  '42': ['store_unavailable', 'lacks tables or columns that Keyturn made. Was the schema changed or dropped?'],
  '40': ['store_unavailable', 'gave up a transaction because of others. Try again'],
  XX: ['store_unavailable', 'reports that its data are damaged. Look at the log of the server'],
};

/** By the code of Node's errors. */
const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections: is it running there?',
  ENOTFOUND: 'has a host name that is unknown. Correct the URL of the store',
  EAI_AGAIN: 'has a host name that cannot be looked up now',
  ENOENT: 'has no socket there: is it running?',
};

/**
 * What a failure of PostgreSQL or of the way to it means. What is ours passes through; so does a mistake in the program. Nothing of the server's
 * text goes on: its details quote rows.
 * @param where host and database, for the message
 */
export function postgresFailure(cause: unknown, where: string): unknown {
  if (!(cause instanceof Error) || cause instanceof KeyturnError) return cause;
  if (cause instanceof GivenUp) return unavailable(`The call to PostgreSQL at ${where} was given up: ${cause.message}`, 'given up');
  if (cause instanceof TypeError || cause instanceof RangeError) return cause;
  const code = codeIn(cause);
  const [meaning, sentence] = STATES[code] ?? STATES[code.slice(0, 2)] ?? ['store_unavailable' as const, SYSTEM[code] ?? 'does not answer'];
  return new KeyturnError(meaning, `PostgreSQL at ${where} ${sentence}.`, { cause: new Error(code === '' ? nameOf(cause) : code) });
}

/** Not Node's own, such as EPIPE. */
const SQLSTATE = /^(\d[0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/;
const ENDS_SESSION = /^(57P|08|XX|25P)/;

/** Whether a connection that threw this can go on: the server itself answered, and did not end the session. */
export function isUsableAfter(error: unknown): boolean {
  const code = error instanceof Error ? codeIn(error) : '';
  return error instanceof KeyturnError || (SQLSTATE.test(code) && !ENDS_SESSION.test(code));
}

/** Whether a mapped failure says that another row has this key already. */
export function isDuplicate(failure: unknown): boolean {
  return failure instanceof KeyturnError && failure.cause instanceof Error && failure.cause.message === '23505';
}

function codeIn(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Of what has no code, the few that the client library makes itself. */
function nameOf({ message }: Error): string {
  return /timeout/i.test(message) ? 'timeout' : /terminated|ended|closed/i.test(message) ? 'connection ended' : 'no code';
}

function unavailable(message: string, cause: string): KeyturnError {
  return new KeyturnError('store_unavailable', message, { cause: new Error(cause) });
}
