import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../support/sqlite.ts';
import { FRESH, KEY_1, WEB } from './fixtures.ts';
import { keyturn } from './keyturn.ts';

const WEAK_KEY = 'you-will-never-guess';
const verdict = (acceptable: boolean, mayVerify = true) => ({
  'POST /v1/strength': {
    body: { acceptable, mayVerify, bytes: 15, faults: acceptable ? [] : ['it is a phrase of words'], note: 'No proof.' },
  },
});
const [signing] = FRESH.versions;
const TAKEN_OVER = {
  ...WEB,
  versions: [
    { ...signing, version: 2, kind: 'created' },
    { ...signing, role: 'previous', kind: 'imported', verifyUntil: '2026-12-26T12:00:30.000Z', weak: true },
  ],
};
const made = (view: object) => ({ 'POST /v1/keyrings': { status: 201, body: view } });

function fileOf(t: Parameters<typeof temporaryFolder>[0], name: string, text: string): string {
  const path = join(temporaryFolder(t), name);
  writeFileSync(path, text);
  return path;
}

t.test('a sound key goes on signing, wherever it is today, and is never printed', async (t) => {
  const env = `# settings\nexport FLASK_SECRET_KEY="${KEY_1}"\nOTHER=x\n`;
  const places: readonly (readonly [args: readonly string[], variables: Record<string, string>])[] = [
    [['--from-env', 'FLASK_SECRET_KEY'], { FLASK_SECRET_KEY: KEY_1 }],
    [['--from-file', fileOf(t, 'secret_key', `${KEY_1}\n`)], {}],
    [['--from-file', `${fileOf(t, '.env', env)}:FLASK_SECRET_KEY`], {}],
    [['--from-file', `${fileOf(t, 'config.py', `DEBUG = False\nSECRET_KEY = '${KEY_1}'\n`)}:SECRET_KEY`], {}],
  ];
  for (const [args, variables] of places) {
    const { exit, out, err, seen } = await keyturn(['import', 'web', ...args], { ...verdict(true), ...made(FRESH) }, { variables });
    t.equal(exit, 0, err);
    t.same(
      seen.map(({ path, body }) => [path, body]),
      [
        ['/v1/strength', { key: KEY_1 }],
        ['/v1/keyrings', { name: 'web', key: KEY_1 }],
      ],
    );
    t.match(out, /No fault found[\s\S]*No proof\.[\s\S]*goes on signing[\s\S]*keyturn rotate web/);
    t.notOk(`${out}${err}`.includes(KEY_1));
  }
});

t.test('a weak key is explained and nothing is imported', async (t) => {
  const { exit, out, err, seen } = await keyturn(['import', 'web', '--from-env', 'K'], verdict(false), { variables: { K: WEAK_KEY } });
  t.equal(exit, 1);
  t.match(out, '- it is a phrase of words');
  t.match(err, /--verify-only --reason/);
  t.equal(seen.length, 1);
});

t.test('with --verify-only and a reason it is taken over, for as long as is said', async (t) => {
  const args = ['import', 'web', '--from-env', 'K', '--verify-only', '--verify-for', '2d', '--reason', 'off the tutorial key'];
  const { exit, out, err, seen } = await keyturn(args, { ...verdict(false), ...made(TAKEN_OVER) }, { variables: { K: WEAK_KEY } });
  t.equal(exit, 0, err);
  t.same(seen[1]?.body, {
    name: 'web',
    key: WEAK_KEY,
    reason: 'off the tutorial key',
    importAs: 'previous',
    acceptWeak: true,
    verifyForSeconds: 172_800,
  });
  t.match(out, /version 1 and verifies only until 2026-12-26[\s\S]*version 2 signs[\s\S]*keyturn revoke web 1/);
  t.notOk(`${out}${err}`.includes(WEAK_KEY));
});

t.test('a sound key is taken over to verify only without an override', async (t) => {
  const args = ['import', 'web', '--from-env', 'K', '--verify-only'];
  const { seen } = await keyturn(args, { ...verdict(true), ...made(TAKEN_OVER) }, { variables: { K: KEY_1 } });
  t.same(seen[1]?.body, { name: 'web', key: KEY_1, importAs: 'previous' });
});

t.test('what cannot be done is said before anything is imported', async (t) => {
  const envFile = fileOf(t, '.env', 'EMPTY=\n');
  const table: readonly (readonly [args: readonly string[], exit: number, err: RegExp, asked: number])[] = [
    [[], 2, /Say where the key is/, 0],
    [['--from-env', 'K', '--from-file', 'x'], 2, /cannot be used with/, 0],
    [['--from-env', 'GONE'], 2, /GONE is not set here/, 0],
    [['--from-env', KEY_1], 2, /The variable that was named is not set here/, 0],
    [['--from-file', `${envFile}:${KEY_1}`], 2, /does not set what was named after the colon|What --from-file names cannot be read/, 0],
    [['--from-env', 'BLANK'], 2, /BLANK is empty/, 0],
    [['--from-file', '/nowhere/key'], 2, /cannot be read/, 0],
    [['--from-file', `${envFile}:GONE`], 2, /does not set GONE/, 0],
    [['--from-file', `${envFile}:EMPTY`], 2, /gives nothing to EMPTY/, 0],
    [['--from-env', 'K', '--verify-for', '2d'], 2, /goes with --verify-only/, 0],
    [['--from-env', 'K', '--verify-only'], 2, /only with a reason/, 1],
  ];
  for (const [args, exit, err, asked] of table) {
    const done = await keyturn(['import', 'web', ...args], verdict(false), { variables: { K: WEAK_KEY, BLANK: '' } });
    t.match([done.exit, done.err, done.seen.length], [exit, err, asked], args.join(' '));
    t.notOk(`${done.out}${done.err}`.includes(KEY_1), 'a key typed where a name belongs is not said again');
  }
  const hopeless = await keyturn(['import', 'web', '--from-env', 'K', '--verify-only', '--reason', 'x'], verdict(false, false), {
    variables: { K: 'dev' },
  });
  t.match([hopeless.exit, hopeless.err, hopeless.seen.length], [1, /neither sign nor verify/, 1]);
});
