import t from 'tap';
import { codeOf, type ErrorCode, KeyturnError } from '../../../src/core/errors.ts';
import { storeFailure } from '../../../src/stores/sqlite/errors.ts';

const ofSqlite = (errcode: number) => Object.assign(new Error('from SQLite'), { code: 'ERR_SQLITE_ERROR', errcode });
const ofSystem = (code: string) => Object.assign(new Error('from the system'), { code, errno: -1 });

const TABLE: readonly (readonly [string, Error, ErrorCode])[] = [
  ['SQLITE_ERROR', ofSqlite(1), 'store_unavailable'],
  ['SQLITE_PERM', ofSqlite(3), 'store_read_only'],
  ['SQLITE_BUSY', ofSqlite(5), 'store_locked'],
  ['SQLITE_BUSY_SNAPSHOT', ofSqlite(517), 'store_locked'],
  ['SQLITE_LOCKED', ofSqlite(6), 'store_locked'],
  ['SQLITE_READONLY', ofSqlite(8), 'store_read_only'],
  ['SQLITE_READONLY_DIRECTORY', ofSqlite(1544), 'store_read_only'],
  ['SQLITE_IOERR_FSYNC', ofSqlite(1034), 'store_unavailable'],
  ['SQLITE_CORRUPT_INDEX', ofSqlite(779), 'store_unavailable'],
  ['SQLITE_FULL', ofSqlite(13), 'store_full'],
  ['SQLITE_CANTOPEN_ISDIR', ofSqlite(526), 'store_read_only'],
  ['SQLITE_NOTADB', ofSqlite(26), 'store_unavailable'],
  ['no space', ofSystem('ENOSPC'), 'store_full'],
  ['over quota', ofSystem('EDQUOT'), 'store_full'],
  ['read-only file system', ofSystem('EROFS'), 'store_read_only'],
  ['no permission', ofSystem('EACCES'), 'store_read_only'],
  ['an I/O error', ofSystem('EIO'), 'store_unavailable'],
  ['a closed database', Object.assign(new Error('database is not open'), { code: 'ERR_INVALID_STATE' }), 'store_unavailable'],
];

t.test('every failure says what it asks of an operator, names the folder, and keeps its cause for the log', async (t) => {
  for (const [name, cause, code] of TABLE) {
    const failure = storeFailure(cause, '/data/here');
    t.equal(codeOf(failure), code, name);
    t.ok(failure instanceof KeyturnError && failure.cause === cause, name);
    if (name !== 'a closed database') t.match(failure, { message: '/data/here' }, name);
    t.notMatch(failure, { message: cause.message }, name);
  }
});

t.test('what is ours passes through, and a mistake in the program stays one', async (t) => {
  const mistake = new TypeError('a mistake');
  const ours = new KeyturnError('conflict', 'ours');
  for (const error of [mistake, ours, 'text']) t.equal(storeFailure(error, '/data'), error);
});
