import { inspect } from 'node:util';
import t from 'tap';
import { KeyturnError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { giveCredentials, hurried } from '../../support/aws.ts';
import { createIn, keyring, loadFrom, MATERIAL_TEXT, material, named, ref, rotated } from '../keyrings.ts';
import { failureOf, openDoubled, PREFIX } from './fixture.ts';

const throttled = { status: 400, type: 'ThrottlingException' };

t.test('throttling and outages that pass are not noticed', async (t) => {
  const { store, double } = await openDoubled(t);
  const revision = await createIn(store, keyring('web'));
  const passing = [
    throttled,
    { status: 429, type: 'TooManyRequestsException' },
    { status: 500, type: 'InternalServiceError' },
    { status: 503, type: 'ServiceUnavailable' },
  ];
  for (const fault of passing) double.failNext('PutSecretValue', fault);
  t.type(await store.swap(rotated(keyring('web')), revision), 'string');
  t.equal(double.count('PutSecretValue'), 5);
});

t.test('throttling that stays ends after a few attempts, each later than the one before may be', async (t) => {
  const { store, double } = await openDoubled(t);
  double.failNext('GetSecretValue', throttled, 100);
  hurried.waits.length = 0;
  await t.rejects(store.load(named('web')), { code: 'store_unavailable', message: /throttling GetSecretValue/ });
  t.equal(double.count('GetSecretValue'), 6);
  t.equal(hurried.waits.length, 5);
  for (const [index, wait] of hurried.waits.entries()) t.ok(wait < 200 * 2 ** index, `wait ${index}: ${wait}`);
});

t.test('an answer that asks us to wait is heeded, unless that takes too long', async (t) => {
  const { store, double } = await openDoubled(t);
  await createIn(store, keyring('web'));
  hurried.waits.length = 0;
  double.failNext('GetSecretValue', { ...throttled, headers: { 'retry-after': '3' } });
  await loadFrom(store, 'web');
  t.ok((hurried.waits[0] ?? 0) >= 3000);
  double.failNext('GetSecretValue', { ...throttled, headers: { 'retry-after': '60' } });
  await t.rejects(store.load(named('web')), { code: 'store_unavailable' });
});

t.test('a caller that gives up ends the attempts', async (t) => {
  const { store, double } = await openDoubled(t);
  const giveUp = new AbortController();
  const held = Promise.withResolvers<void>();
  double.delayNext('GetSecretValue', held.promise);
  const call = failureOf(store.load(named('web'), { signal: giveUp.signal }));
  while (double.count() === 0) await new Promise(setImmediate);
  giveUp.abort();
  t.match(await call, { code: 'store_unavailable', message: /given up/ });
  held.resolve();
  t.equal(double.count(), 1);
});

t.test('a write that AWS carries out after the caller gave up is found by its change id', async (t) => {
  const { store, double } = await openDoubled(t);
  const first = keyring('web');
  const revision = await createIn(store, first);
  const giveUp = new AbortController();
  const held = Promise.withResolvers<void>();
  double.delayNext('PutSecretValue', held.promise);
  const second = rotated(first);
  const call = failureOf(store.swap(second, revision, { signal: giveUp.signal }));
  while (double.count('PutSecretValue') === 0) await new Promise(setImmediate);
  giveUp.abort();
  t.match(await call, { code: 'store_unavailable' });
  t.equal((await loadFrom(store, 'web')).keyring.changed.id, first.changed.id);
  held.resolve();
  while ((await loadFrom(store, 'web')).keyring.changed.id === first.changed.id) await new Promise(setImmediate);
  t.equal((await loadFrom(store, 'web')).keyring.changed.id, second.changed.id);
});

t.test('what an operator has to do is said, and is not tried again', async (t) => {
  const { store, double } = await openDoubled(t);
  const refusals = [
    ['UnrecognizedClientException', 'store_unavailable', /credentials/],
    ['InvalidSignatureException', 'store_unavailable', /credentials/],
    ['AccessDeniedException', 'store_unavailable', /secretsmanager:GetSecretValue/],
    ['DecryptionFailure', 'store_unavailable', /kms:Decrypt/],
  ] as const;
  for (const [type, code, message] of refusals) {
    const before = double.count();
    double.failNext('GetSecretValue', { status: 400, type });
    await t.rejects(store.load(named('web')), { code, message }, type);
    t.equal(double.count(), before + 1, type);
  }
  double.failNext('CreateSecret', { status: 400, type: 'LimitExceededException' });
  await t.rejects(store.putMaterial(ref('web'), material()), { code: 'store_full' });
});

t.test('expired credentials are tried again, for the chain may have new ones, and then named', async (t) => {
  const { store, double } = await openDoubled(t);
  await createIn(store, keyring('web'));
  double.failNext('GetSecretValue', { status: 400, type: 'ExpiredTokenException' });
  t.equal((await loadFrom(store, 'web')).keyring.name, 'web');
  double.failNext('GetSecretValue', { status: 400, type: 'ExpiredTokenException' }, 6);
  await t.rejects(store.load(named('web')), { code: 'store_unavailable', message: /expired/ });
});

t.test('a clock that is wrong is put right where AWS tells the time, and else named', async (t) => {
  const { store, double } = await openDoubled(t);
  const hours = 3_600_000;
  const date = new Date(Date.now() + 2 * hours).toUTCString();
  await createIn(store, keyring('web'));
  double.failNext('GetSecretValue', { status: 403, type: 'RequestTimeTooSkewed', headers: { date } });
  t.equal((await loadFrom(store, 'web')).keyring.name, 'web');
  const signed = double.calls.at(-1)?.headers['x-amz-date'];
  const expected = new Date(Date.now() + 2 * hours).toISOString().replace(/[-:]/g, '').slice(0, 11);
  t.ok(String(signed).startsWith(expected), `signed at ${signed}, expected ${expected}`);
  double.failNext('GetSecretValue', { status: 403, type: 'RequestTimeTooSkewed' }, 6);
  await t.rejects(store.load(named('web')), { code: 'store_unavailable', message: /clock/ });
});

t.test('the check writes nothing, and tells of a refused write until one succeeds', async (t) => {
  const { store, double } = await openDoubled(t);
  await store.check();
  t.equal(double.count(), double.count('GetSecretValue'));
  double.failNext('CreateSecret', { status: 400, type: 'AccessDeniedException' });
  await t.rejects(createIn(store, keyring('web')), { code: 'store_read_only' });
  await t.rejects(store.check(), { code: 'store_read_only', message: /secretsmanager:CreateSecret/ });
  await createIn(store, keyring('web'));
  await store.check();
});

t.test('no failure carries what was sent, nor credentials', async (t) => {
  const credentials = giveCredentials();
  const { store, double } = await openDoubled(t, { timeout: 50 });
  const failures: unknown[] = [];
  for (const type of ['AccessDeniedException', 'InternalServiceError', 'InvalidParameterException', 'Whatever']) {
    double.failNext('CreateSecret', { status: type === 'InternalServiceError' ? 500 : 400, type }, 6);
    failures.push(await failureOf(store.putMaterial(ref('web'), material())));
  }
  await double.stop();
  failures.push(await failureOf(store.putMaterial(ref('web'), material())));
  for (const failure of failures) {
    t.ok(failure instanceof KeyturnError);
    const everything = inspect(failure, { depth: 20, showHidden: true });
    for (const text of [MATERIAL_TEXT, ...credentials, 'AWS4-HMAC']) t.notOk(everything.includes(text));
  }
});

t.test('a secret is named after what it is for, never after what it holds', async (t) => {
  const { store, double } = await openDoubled(t);
  const entry = ref('web');
  await store.putMaterial(entry, new Secret(MATERIAL_TEXT));
  t.notOk(double.secrets.names.some((name) => name.includes(MATERIAL_TEXT)));
  t.same(double.secrets.names, [`${PREFIX}/material/web/1/${entry.nonce}`]);
});
