import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { rerunPage } from './rerun.ts';
import { levelled, masked, parse, write } from './transcript.ts';

const page = readFileSync('docs/api.md', 'utf8');
const version = spawnSync('curl', ['--version'], { encoding: 'utf8' }).stdout ?? '';
// --json came with 7.82, %header{…} with 7.84.
const [, major = '0', minor = '0'] = /^curl (\d+)\.(\d+)/.exec(version) ?? [];
const missing = Number(major) * 1_000 + Number(minor) < 7_084 || spawnSync('jq', ['--version']).status !== 0;

t.test('a page is its pieces', async (t) => {
  t.equal(write(parse(page)), page);
  t.ok(parse(page).length > 20);
});

t.test('the page holds no key and no token', async (t) => {
  t.equal(masked(page), page);
  t.notMatch(page, /[0-9a-f]{40}|_[0-9A-Za-z]{43}/);
});

t.test(
  'every command of docs/api.md still answers as the page says: otherwise node test/docs/rerun.ts docs/api.md',
  { skip: missing && 'needs curl 7.84 and jq' },
  async (t) => {
    t.equal(levelled(await rerunPage(page)), levelled(page));
  },
);
