import { readFileSync } from 'node:fs';
import t from 'tap';
import packageJson from '../../package.json' with { type: 'json' };

t.test('however the service is started, Node gets the same options', async (t) => {
  const options = packageJson.scripts.start.split(' ').filter((word) => word.startsWith('--'));
  t.equal(options.length, 2);
  const entrypoint = /^ENTRYPOINT (\[.*\])$/m.exec(readFileSync('Dockerfile', 'utf8'))?.[1] ?? '[]';
  t.same(JSON.parse(entrypoint), ['node', ...options, '/app/src/main.ts']);
  t.ok(readFileSync('docs/operations.md', 'utf8').includes(`node ${options.join(' ')} src/main.ts serve`));
});
