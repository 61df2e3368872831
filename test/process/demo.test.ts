import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { root } from './keyturn.ts';

t.test('the demo ends well: nobody is logged out by a rotation, everybody by an emergency', async (t) => {
  // As `npm run demo` does; it fails by its exit code.
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/demo/demo.ts'], { cwd: root });
  t.match(stdout, /5 scheduled rotations, [\d,]+ visits, rejected: 0\n/);
  t.match(stdout, /old sessions: refused by all 8 instances after one refresh/);
});
