import t from 'tap';
import { isLoopback, shellWord, some, span } from '../../../src/core/review/words.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../../src/core/time.ts';

t.test('a length of time is told in the largest unit that it holds twice', async (t) => {
  const told = { '0 seconds': 0, '1 second': SECOND, '119 seconds': 2 * MINUTE - 1, '2 minutes': 2 * MINUTE, '119 minutes': 2 * HOUR - 1 };
  for (const [words, length] of Object.entries({ ...told, '47 hours': 2 * DAY - 1, '729 days': 729 * DAY, '2 years': 730 * DAY }))
    t.equal(span(length), words);
});

t.test('a word for the shell is quoted where it has to be', async (t) => {
  t.equal(shellWord('/var/lib/keyturn/admin.token'), '/var/lib/keyturn/admin.token');
  t.equal(shellWord("/it's; rm -rf"), "'/it'\\''s; rm -rf'");
  t.equal(shellWord(''), "''");
});

t.test('only addresses of this machine are loopback', async (t) => {
  for (const host of ['localhost', '127.0.0.1', '127.8.0.1', '::1', '[::1]']) t.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '127.0.0.1.example', 'localhost.example', '10.0.0.1', '']) t.notOk(isLoopback(host), host);
});

t.test('of many names the first few are told', async (t) => {
  t.equal(some(['a', 'b']), 'a, b');
  t.equal(some(['a', 'b', 'c'], 2), 'a, b and 1 more');
});
