import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import t from 'tap';
import { writeAdminToken } from '../../src/access/admin-token-file.ts';
import { Secret } from '../../src/core/secret.ts';

t.test('the admin token is written whole, for its owner only, over what was there', async (t) => {
  const dir = t.testdir({ data: {} });
  const data = join(dir, 'data', 'deeper');
  const path = await writeAdminToken(data, new Secret('first'));
  t.equal(path, join(data, 'admin.token'));
  writeFileSync(path, 'a longer text that must not show through', { mode: 0o644 });
  await writeAdminToken(data, new Secret('second'));
  t.equal(readFileSync(path, 'utf8'), 'second\n');
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.same(readdirSync(data), ['admin.token'], 'no draft is left');
});

t.test('a folder that cannot be written is named, the token is not', async (t) => {
  const dir = t.testdir({ file: '' });
  const error = await writeAdminToken(join(dir, 'file'), new Secret('hush-hush')).catch((error: unknown) => error);
  t.match(error, { code: 'store_read_only', message: /admin\.token/ });
  t.notMatch(inspect(error), /hush/);
});
