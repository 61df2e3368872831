import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';

t.test('an audit thread that dies fails what it was asked, and ends the process with its reason', async (t) => {
  const program = join(import.meta.dirname, 'ledger-thread-program.ts');
  const { status, stdout } = spawnSync(process.execPath, [program], { encoding: 'utf8', timeout: 20_000 });
  t.equal(status, 70);
  t.match(stdout, /commit: The audit thread failed: torn out/);
  t.match(stdout, /uncaught: The audit thread ended by itself\. torn out/);
});
