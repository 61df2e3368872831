import { KeyturnError } from '../../core/errors.ts';

/** The primary result codes of SQLite (https://sqlite.org/rescode.html) that ask for something of an operator. */
/** A statement that does not fit the tables. */
const ERROR = 1;
const PERM = 3;
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const AUTH = 23;
const NOTADB = 26;

/** An extended code keeps its primary code in the low byte. */
const PRIMARY = 0xff;

/**
 * What a failure of SQLite or of the file system means. What is ours passes through; so does a mistake in the program.
 * @param dataDir named in the message
 */
export function storeFailure(cause: unknown, dataDir: string): unknown {
  if (!(cause instanceof Error) || cause instanceof KeyturnError) return cause;
  if ('errcode' in cause && typeof cause.errcode === 'number') return ofSqlite(cause.errcode & PRIMARY, dataDir, cause);
  if ('code' in cause && cause.code === 'ERR_INVALID_STATE') return unavailable('The store is closed: the service is stopping.', cause);
  if ('errno' in cause && 'code' in cause) return ofFileSystem(cause.code, dataDir, cause);
  return cause;
}

/** Whether a failure of this store says that a file is not what was written there. */
export function isDamage(failure: unknown): boolean {
  if (!(failure instanceof KeyturnError)) return false;
  const { code, cause } = failure;
  if (code === 'corrupt_document') return true;
  if (!(cause instanceof Error) || !('errcode' in cause) || typeof cause.errcode !== 'number') return false;
  return [ERROR, CORRUPT, NOTADB].includes(cause.errcode & PRIMARY);
}

function ofSqlite(code: number, dataDir: string, cause: Error): KeyturnError {
  switch (code) {
    case BUSY:
    case LOCKED:
      return locked(dataDir, cause);
    case FULL:
      return full(dataDir, cause);
    case READONLY:
    case CANTOPEN:
    case PERM:
    case AUTH:
      return readOnly(dataDir, cause);
    case CORRUPT:
    case NOTADB:
      return unavailable(`The database in ${dataDir} is damaged, or is no database. Stop Keyturn and restore it from a backup.`, cause);
    default:
      return unavailable(`The database in ${dataDir} does not answer. Look at the disk and at the log.`, cause);
  }
}

function ofFileSystem(code: unknown, dataDir: string, cause: Error): KeyturnError {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return full(dataDir, cause);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return readOnly(dataDir, cause);
    case 'ENOTDIR':
    case 'EEXIST':
      return new KeyturnError('store_read_only', `${dataDir} is no folder, or lies below a file. Name another data folder.`, { cause });
    default:
      return unavailable(`The data folder ${dataDir} cannot be used. Look at the disk and at the log.`, cause);
  }
}

function locked(dataDir: string, cause: Error): KeyturnError {
  return new KeyturnError(
    'store_locked',
    `Another Keyturn process uses ${dataDir}. Stop it first, or give this one a data folder of its own.`,
    { cause },
  );
}

function full(dataDir: string, cause: Error): KeyturnError {
  return new KeyturnError('store_full', `The disk that holds ${dataDir} is full: nothing was changed. Make room.`, { cause });
}

function readOnly(dataDir: string, cause: Error): KeyturnError {
  return new KeyturnError('store_read_only', `${dataDir} cannot be written. Let the user that runs Keyturn write to this folder.`, {
    cause,
  });
}

function unavailable(message: string, cause: Error): KeyturnError {
  return new KeyturnError('store_unavailable', message, { cause });
}
