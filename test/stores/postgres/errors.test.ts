import t from 'tap';
import { KeyturnError } from '../../../src/core/errors.ts';
import { GivenUp, isUsableAfter, postgresFailure } from '../../../src/stores/postgres/errors.ts';

const HINT = 'Key (sealed)=(c0ffee) already exists';
const failing = (code: string) => Object.assign(new Error(`message with ${HINT}`), { code, detail: HINT, where: HINT });
const mapped = (cause: unknown) => postgresFailure(cause, 'db:5432, database keys');

t.test('each failure has its meaning, and nothing of what the server said goes on', async (t) => {
  const meanings: [string, string, RegExp][] = [
    ['53100', 'store_full', /Make room/],
    ['25006', 'store_read_only', /standby/],
    ['42501', 'store_read_only', /docs\/stores\.md/],
    ['53300', 'store_unavailable', /max_connections/],
    ['57P01', 'store_unavailable', /stopping or starting/],
    ['57P03', 'store_unavailable', /stopping or starting/],
    ['57014', 'store_unavailable', /took too long/],
    ['08006', 'store_unavailable', /lost the connection/],
    ['28P01', 'store_unavailable', /user or the password/],
    ['40001', 'store_unavailable', /Try again/],
    ['42P01', 'store_unavailable', /lacks tables/],
    ['XX001', 'store_unavailable', /damaged/],
    ['22P02', 'store_unavailable', /does not answer/],
    ['ECONNREFUSED', 'store_unavailable', /is it running/],
    ['ENOTFOUND', 'store_unavailable', /host name/],
    ['ECONNRESET', 'store_unavailable', /does not answer/],
  ];
  for (const [code, meaning, message] of meanings) {
    const failure = mapped(failing(code));
    t.match(failure, { code: meaning, message }, code);
    t.match(failure, { message: /db:5432/, cause: { message: code } });
    t.notOk(JSON.stringify(failure, Object.getOwnPropertyNames(failure)).includes('c0ffee'));
  }
  t.match(mapped(new Error('Connection terminated unexpectedly')), { code: 'store_unavailable', cause: { message: 'connection ended' } });
  t.match(mapped(new GivenUp('its caller no longer waits.')), { code: 'store_unavailable', message: /given up/ });
});

t.test('what is ours and what is a mistake in the program pass through', async (t) => {
  for (const error of [new KeyturnError('conflict', 'no'), new TypeError('x is not a function')]) t.equal(mapped(error), error);
});

t.test('a connection goes on after an answer of the server, unless the session ended', async (t) => {
  for (const code of ['23505', '57014', '40001', '53100', '42501', '25006']) t.ok(isUsableAfter(failing(code)), code);
  for (const code of ['57P01', '08006', 'XX000', 'ECONNRESET', 'EPIPE']) t.notOk(isUsableAfter(failing(code)), code);
  t.notOk(isUsableAfter(new Error('timeout')));
});
