import { execFileSync } from 'node:child_process';
import t from 'tap';
import { environmentOf, textOf, valueFrom } from '../../src/agent/values.ts';
import { FLASK_VARIABLES } from '../../src/ports/sidecar.ts';
import { keyOf } from '../clients/node/keys-service.ts';
import { snapshotOf } from './snapshots.ts';

const rotating = snapshotOf({ current: 3, next: 4, previous: [2, 1] });
const DIGITS = '7'.repeat(64);

t.test('the key that signs is the last of all and the first of current-first; next is never at that end', async (t) => {
  t.equal(valueFrom('current', rotating), keyOf(3));
  t.same(JSON.parse(valueFrom('all', rotating)), [1, 2, 4, 3].map(keyOf));
  t.same(JSON.parse(valueFrom('current-first', rotating)), [3, 4, 2, 1].map(keyOf));
});

t.test('for Flask a key that looks like a number stays a text', async (t) => {
  t.equal(valueFrom('flask', rotating), keyOf(3));
  t.equal(valueFrom('flask', snapshotOf({ current: 1 }, { 1: DIGITS })), `"${DIGITS}"`);
  t.equal(valueFrom('current', snapshotOf({ current: 1 }, { 1: DIGITS })), DIGITS);
});

t.test('a file of lines is read by a shell as it was meant, a raw one holds the value alone', async (t) => {
  const quote = `it's "quoted" $HOME \`id\` \\ ${'x'.repeat(32)}`;
  const text = textOf({ kind: 'env', variables: FLASK_VARIABLES }, snapshotOf({ current: 1 }, { 1: quote }));
  const read = execFileSync('/bin/sh', ['-c', `${text}printf '%s|%s' "$FLASK_SECRET_KEY" "$FLASK_SECRET_KEY_FALLBACKS"`], {
    encoding: 'utf8',
  });
  t.equal(read, `${quote}|${JSON.stringify([quote])}`);
  t.equal(textOf({ kind: 'raw', source: 'current' }, rotating), keyOf(3));
});

t.test('a JSON file holds versions, roles and both orders', async (t) => {
  const key = (version: number) => ({ version, key: keyOf(version) });
  t.same(JSON.parse(textOf({ kind: 'json' }, rotating)), {
    name: 'web',
    current: key(3),
    next: key(4),
    previous: [key(2), key(1)],
    signingLast: [1, 2, 4, 3].map(keyOf),
    signingFirst: [3, 4, 2, 1].map(keyOf),
  });
});

const FLASK = `
import json
from flask import Flask
from itsdangerous import URLSafeSerializer
app = Flask("app")
app.config.from_prefixed_env()
secret, others = app.config["SECRET_KEY"], app.config["SECRET_KEY_FALLBACKS"]
signer = app.session_interface.get_signing_serializer(app)
print(json.dumps({"secret": secret, "others": others, "signs": signer.secret_keys[-1].decode()}))
`;

t.test("Flask's own from_prefixed_env reads them", async (t) => {
  const bare = { PATH: process.env.PATH ?? '' };
  const python = (env: Record<string, string>): string =>
    execFileSync('python3', ['-W', 'ignore', '-c', FLASK], {
      env: { ...bare, ...env },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  try {
    execFileSync('python3', ['-c', 'import flask'], { env: bare, stdio: 'ignore' });
  } catch {
    t.comment('there is no Flask on this machine');
    return;
  }
  const keys = snapshotOf({ current: 3, next: 4, previous: [2] }, { 3: DIGITS });
  const read = JSON.parse(python(environmentOf(FLASK_VARIABLES, keys)));
  t.same(read, { secret: DIGITS, others: [keyOf(2), keyOf(4), DIGITS], signs: DIGITS });
});
