import t from 'tap';
import { codeOf, ERROR_CODES, KeyturnError } from '../../src/core/errors.ts';

t.test('codes are words of snake case, each once', async (t) => {
  t.equal(new Set(ERROR_CODES).size, ERROR_CODES.length);
  for (const code of ERROR_CODES) t.match(code, /^[a-z]+(_[a-z]+)*$/);
});

t.test('an error says what it was given and nothing more', async (t) => {
  const bare = new KeyturnError('conflict', 'Try again.');
  t.match(bare, { name: 'KeyturnError', code: 'conflict', message: 'Try again.', faults: [], retryAfterSeconds: null });
  t.notOk('cause' in bare);
  const cause = new Error('inside');
  const full = new KeyturnError('weak_key', 'No.', { faults: [{ path: '/key', message: 'short' }], retryAfterSeconds: 5, cause });
  t.match(full, { faults: [{ path: '/key', message: 'short' }], retryAfterSeconds: 5 });
  t.equal(full.cause, cause);
  t.ok(full instanceof Error);
});

t.test('what is not ours is internal', async (t) => {
  t.equal(codeOf(new KeyturnError('store_full', '')), 'store_full');
  for (const other of [new Error('x'), Object.assign(new Error('x'), { code: 'store_full' }), null, undefined, 'store_full']) {
    t.equal(codeOf(other), 'internal');
  }
});
