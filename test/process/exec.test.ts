import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../support/sqlite.ts';
import { type Running, start } from './keyturn.ts';
import { servedProcess } from './machine.ts';

const LEASE = 8;
const CHILD = `
import { createHash } from 'node:crypto';
const digest = (text) => createHash('sha256').update(text).digest('hex').slice(0, 12);
const { FLASK_SECRET_KEY: current, FLASK_SECRET_KEY_FALLBACKS: all, KEYTURN_TOKEN: token } = process.env;
process.on('SIGUSR2', () => console.log('heard SIGUSR2'));
process.on('SIGTERM', () => process.exit(7));
console.log(\`started \${digest(current)} of \${JSON.parse(all).map(digest)} token \${token === undefined ? 'none' : 'there'}\`);
setInterval(() => {}, 1_000);
`;
const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);

const folder = temporaryFolder(t);
const program = join(folder, 'child.mjs');
writeFileSync(program, CHILD);
const service = await servedProcess(t, { KEYTURN_DATA_DIR: join(folder, 'data') });
const policy = { schedule: null, leaseSeconds: LEASE, refreshSeconds: 1, skewSeconds: 0, tokenLifetimeSeconds: 60 };
await service.call('/v1/keyrings', { name: 'web', policy });
const issued = await service.call('/v1/tokens', { name: 'web', roles: ['app'], keyrings: ['web'] });

const env = { KEYTURN_URL: service.url, KEYTURN_TOKEN: issued.token };
const QUICK = ['--min-interval', '1s', '--splay', '0s', '--grace', '2s'];
const CACHE = ['--cache', join(folder, 'keys.cache')];
const exec = (...options: string[]): Running =>
  start(t, { cwd: folder, env, args: ['exec', 'web', ...QUICK, ...options, '--', process.execPath, program] });

await t.test('a program is restarted with each step of a rotation', async (t) => {
  const running = exec('--instance', 'web-1');
  await running.printed(/^started (\w+) of \1 /);
  await service.call('/v1/keyrings/web/rotate', { kind: 'scheduled', reason: 'a test' });
  await running.printed(/^started (\w+) of \1 .*\nstarted \1 of (\w+),\1 .*\nstarted \2 of \1,\2 /);
  t.pass('published, it verifies; then it signs; and the old one still verifies');
  await service.call('/v1/keyrings/web/rotate', { kind: 'emergency', reason: 'a leak' });
  const { current } = await service.call('/v1/keyrings/web/keys');
  await running.printed(`started ${digest(current.key)} of ${digest(current.key)} `);
  t.equal(running.stdout().match(/^started/gm)?.length, 4, 'and nothing more than it takes');

  running.kill('SIGUSR2');
  await running.printed('heard SIGUSR2');
  running.kill('SIGTERM');
  const { code, signal, stdout, stderr } = await running.ended;
  t.same({ code, signal }, { code: 7, signal: null }, 'signals are handed on, and the exit code is its own');
  t.notMatch(stdout, /token there/, 'it does not get the token');
  t.notMatch(stderr, issued.token);
});

await t.test('a missing program, and one that is given one key only', async (t) => {
  const missing = start(t, { cwd: folder, env, args: ['exec', 'web', '--', join(folder, 'missing')] });
  t.equal((await missing.ended).code, 127);
  const single = start(t, { cwd: folder, env, args: ['exec', 'web', '--env', 'SECRET=current', '--', 'true'] });
  t.match(await single.ended, { code: 2, stderr: /logs everybody out at each rotation/ });
});

await t.test('without the service a program runs and even starts while the lease lasts, and is stopped at its end', async (t) => {
  // a cache is read only when the process that wrote it is gone
  const writer = exec(...CACHE);
  await writer.printed('started');
  writer.kill('SIGTERM');
  await writer.ended;
  const before = exec();
  await before.printed('started');
  await service.stop();
  const [during, without] = [exec(...CACHE), exec()];
  await during.printed('started');
  t.equal(before.stdout().match(/^started/gm)?.length, 1, 'nothing has changed for the first');
  const [one, other] = await Promise.all([before.ended, during.ended]);
  t.match(one, { code: 75, signal: null, stderr: /The lease ends, so the program is stopped/ });
  t.match(other, { code: 75, signal: null, stderr: /The lease ends, so the program is stopped/ });
  t.match(await without.ended, { code: 3, stdout: /^$/, stderr: /cannot be reached/ }, 'without a cache there is nothing to start on');
});
