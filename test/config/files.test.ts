import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readFromDisk, readSecret, readText } from '../../src/config/files.ts';

t.test('a secret of a real file is read by its mode, without the line break at its end', async (t) => {
  const dir = t.testdir({ secret: 'hush\r\n', folder: {} });
  const path = join(dir, 'secret');
  chmodSync(path, 0o400);
  const found = readSecret(readFromDisk, path);
  t.equal('value' in found && found.value.reveal(), 'hush');
  chmodSync(path, 0o440);
  t.ok('value' in readSecret(readFromDisk, path), 'its group may read it');
  chmodSync(path, 0o444);
  t.match(readSecret(readFromDisk, path), { fault: /others can read/, absent: false });
  t.match(readText(readFromDisk, join(dir, 'none')), { fault: /no such file/, absent: true });
  t.match(readText(readFromDisk, join(dir, 'folder')), { fault: /folder/, absent: false });
});
