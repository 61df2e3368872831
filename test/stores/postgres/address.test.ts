import t from 'tap';
import { KeyturnError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { readAddress } from '../../../src/stores/postgres/address.ts';

const read = (url: string) => readAddress(new Secret(url), null);

t.test('a URL is read, percent-encoding too, and messages name neither user nor password', async (t) => {
  const { config, where } = read('postgres://key%40turn:p%2Fss%25@db.example:6432/keys?sslmode=disable\n');
  t.match(config, { host: 'db.example', port: 6432, user: 'key@turn', password: 'p/ss%', database: 'keys', ssl: false });
  t.equal(where, 'db.example:6432, database keys');
});

t.test('a Unix socket is a folder for a host', async (t) => {
  const { config } = read('postgresql:///keys?host=/run/postgresql&user=keyturn');
  t.match(config, { host: '/run/postgresql', port: 5432, user: 'keyturn', database: 'keys', ssl: false });
  t.notOk('password' in config);
});

t.test('only a server on this machine is spoken to in the clear unless the URL says so', async (t) => {
  for (const host of ['localhost', '127.0.0.1', '127.8.8.8', '[::1]']) t.equal(read(`postgres://u@${host}/d`).config.ssl, false, host);
  for (const host of ['db', '10.0.0.1', 'localhost.example', '128.0.0.1']) t.same(read(`postgres://u@${host}/d`).config.ssl, {}, host);
  t.same(read('postgres://u@db/d?sslmode=require').config.ssl, { rejectUnauthorized: false });
  t.same(read('postgres://u@db/d?sslmode=verify-full').config.ssl, {});
  t.type(read('postgres://u@db/d?sslmode=verify-ca').config.ssl, 'object');
});

t.test('anything else is refused and not repeated', async (t) => {
  const urls = ['', 'hunter2', 'mysql://u:hunter2@h/d', 'postgres://u:hunter2@h', 'postgres://:hunter2@h/d', 'postgres://u:hunter2%@h/d'];
  for (const url of [...urls, 'postgres://u:hunter2@h/d?sslmode=prefer', 'postgres://u:hunter2@h/d?options=hunter2']) {
    const refused = t.throws(() => read(url), { code: 'invalid_config' }, url);
    if (refused instanceof KeyturnError) t.notOk(`${refused.message}${refused.cause}`.includes('hunter2'));
  }
});

t.test('authorities that cannot be read stop the start', async (t) => {
  t.throws(() => readAddress(new Secret('postgres://u@db/d'), '/nowhere/ca.pem'), { code: 'invalid_config', message: /ca\.pem/ });
});
