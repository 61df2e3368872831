import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';

const ROOT = join(import.meta.dirname, '..', '..');
const OLD_ENOUGH = 'import sys; sys.exit(sys.version_info < (3, 9))';

/** Why the Python client cannot be tested here; null where it can. */
function whyNot(): string | null {
  const { status, error } = spawnSync('python3', ['-c', OLD_ENOUGH]);
  if (error !== undefined) return 'python3 is not installed';
  return status === 0 ? null : 'python3 is older than 3.9';
}

const reason = whyNot();
const skip = reason !== null && process.env.CI !== 'true' && reason;

t.test('the core of the Python client, with its standard library alone', { skip }, async (t) => {
  t.equal(reason, null, 'python3 can run it');
  const { status, stdout, stderr } = spawnSync('python3', ['clients/python/run-tests', 'core'], { cwd: ROOT, encoding: 'utf8' });
  t.equal(status, 0, `${stdout}${stderr}`);
});

t.test('the vectors of the clients are what their witness writes', { skip }, async (t) => {
  const { status, stderr } = spawnSync('python3', ['clients/vectors/make.py', '--check'], { cwd: ROOT, encoding: 'utf8' });
  t.equal(status, 0, stderr);
});
