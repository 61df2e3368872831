import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseKeyringName } from '../../../src/core/name.ts';
import { DEFAULT_POLICY } from '../../../src/core/policy.ts';
import { Secret } from '../../../src/core/secret.ts';
import { DAY, SECOND } from '../../../src/core/time.ts';
import { startTestService, type TestService } from '../../support/service.ts';
import { temporaryFolder } from '../../support/sqlite.ts';

const TUTORIAL = 'you-will-never-guess';
const DOCS_KEY = '192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf';
const REASON = 'off the tutorial key';
const GRACE = 32 * DAY + 30 * SECOND;
const strong = () => randomBytes(32).toString('hex');

const create = ({ call }: TestService, payload: object) => call({ method: 'POST', url: '/v1/keyrings', payload });
const judge = async ({ call }: TestService, key: string) => (await call({ method: 'POST', url: '/v1/strength', payload: { key } })).body;
const takenOver = (key: string, more = {}) => ({ name: 'web', key, importAs: 'previous', acceptWeak: true, reason: REASON, ...more });

t.test('a weak key in use today is taken over to verify only, in one swap, with who and why', async (t) => {
  const service = await startTestService(t);
  const made = await create(service, takenOver(TUTORIAL));
  t.equal(made.status, 201);
  t.match(made.body.versions, [
    { version: 2, role: 'current', kind: 'created', verifyUntil: null },
    { version: 1, role: 'previous', kind: 'imported', weak: true },
  ]);
  t.notOk('weak' in made.body.versions[0]);

  const { body: keys } = await service.call({ url: '/v1/keyrings/web/keys' });
  t.match(keys.current.key, /^[0-9a-f]{64}$/);
  t.same(keys.previous, [{ version: 1, key: TUTORIAL, verifyUntil: keys.previous[0].verifyUntil, weak: true }]);
  t.equal(Date.parse(keys.previous[0].verifyUntil), service.clock.now() + GRACE);

  const { body: history } = await service.call({ url: '/v1/keyrings/web/history' });
  t.match(history.items[1], {
    created: { reason: REASON },
    provenance: { origin: 'imported', judgement: /^weak: .*published default/, overridden: { reason: REASON, by: { name: 'bootstrap' } } },
  });
  t.match(history.items[0].provenance, { origin: 'generated', bytes: 32, encoding: 'hex', openssl: /./, runtime: /./, generator: /./ });
  const csv = await service.call({ url: '/v1/keyrings/web/history?format=csv' });
  t.match(csv.text, /weak: .*; to verify only, accepted by bootstrap: off the tutorial key/);
  for (const text of [made.text, JSON.stringify(history), csv.text, service.log()]) t.notOk(text.includes(TUTORIAL));
});

t.test('a weak key is destroyed when its grace ends, and revoked at any time', async (t) => {
  const service = await startTestService(t);
  await create(service, takenOver(TUTORIAL, { verifyForSeconds: 600, policy: { schedule: null } }));
  await service.pass(599 * SECOND);
  t.equal((await service.call({ url: '/v1/keyrings/web/keys' })).body.previous.length, 1);
  await service.pass(SECOND);
  t.same((await service.call({ url: '/v1/keyrings/web/keys' })).body.previous, []);
  await service.pass(31 * SECOND);
  const { body } = await service.call({ url: '/v1/keyrings/web/history' });
  t.match(body.items[1], { role: 'retired', destroyedAt: /^2026/ });
});

t.test('nothing weak signs, and nothing that lets anybody forge at once is served', async (t) => {
  const service = await startTestService(t);
  const refused: readonly (readonly [payload: object, status: number, code: string, detail: RegExp])[] = [
    [{ name: 'web', key: TUTORIAL }, 422, 'weak_key', /importAs "previous"/],
    [{ name: 'web', key: DOCS_KEY }, 422, 'weak_key', /published default/],
    [{ name: 'web', key: TUTORIAL, importAs: 'previous', reason: REASON }, 422, 'weak_key', /acceptWeak/],
    [takenOver('dev'), 422, 'weak_key', /fewer than 8 characters.*cannot even verify/],
    [takenOver(''), 400, 'invalid_request', /key/],
    [takenOver('        '), 422, 'weak_key', /blank/],
    [takenOver(`${TUTORIAL}\n`), 422, 'weak_key', /blanks at an end/],
    [takenOver(TUTORIAL, { importAs: 'current' }), 400, 'invalid_request', /a weak key never signs/],
    [{ name: 'web', key: TUTORIAL, acceptWeak: true, reason: REASON }, 400, 'invalid_request', /a weak key never signs/],
    [takenOver(TUTORIAL, { reason: undefined }), 400, 'invalid_request', /needs a reason/],
    [takenOver(TUTORIAL, { key: undefined }), 400, 'invalid_request', /no key/],
    [takenOver(TUTORIAL, { verifyForSeconds: GRACE / SECOND + 1 }), 400, 'invalid_request', /longer than the grace/],
    [{ name: 'web', key: strong(), verifyForSeconds: 60 }, 400, 'invalid_request', /goes with importAs/],
  ];
  for (const [payload, status, code, detail] of refused) {
    const answer = await create(service, payload);
    t.match(answer, { status, body: { code, detail } }, JSON.stringify(payload));
    t.notOk(answer.text.includes(TUTORIAL));
  }
  t.equal((await service.call({ url: '/v1/keyrings/web' })).status, 404, 'nothing was made');
  const app = await service.token(['app', 'auditor']);
  t.equal((await service.call({ method: 'POST', url: '/v1/keyrings', payload: takenOver(TUTORIAL), token: app })).status, 403);
});

t.test('a sound key is taken over without an override or a mark', async (t) => {
  const service = await startTestService(t);
  const key = strong();
  t.equal((await create(service, { name: 'web', key, importAs: 'previous' })).status, 201);
  const { body } = await service.call({ url: '/v1/keyrings/web/keys' });
  t.same(Object.keys(body.previous[0]), ['version', 'key', 'verifyUntil']);
  t.equal(body.previous[0].key, key);
});

t.test('a key of another keyring, or of one long gone, is recognised; a revoked one never comes back', async (t) => {
  const service = await startTestService(t);
  const [used, revoked] = [strong(), strong()];
  await create(service, { name: 'one', key: used });
  await create(service, { name: 'two', key: revoked });
  t.match(await create(service, { name: 'one', key: used }), { body: { code: 'keyring_exists' } }, 'its own name is told first');
  await service.call({ method: 'POST', url: '/v1/keyrings/two/versions/1/revoke', payload: { reason: 'leaked' } });
  t.match(await judge(service, used), { acceptable: false, mayVerify: true, faults: [/another version here/] });
  t.match(await judge(service, revoked), { acceptable: false, mayVerify: false, faults: [/never comes back/] });
  t.match(await create(service, takenOver(revoked)), { status: 422, body: { code: 'weak_key' } });
  t.equal((await create(service, takenOver(used))).status, 201, 'two applications that share a key today are moved apart');
  t.notOk(JSON.stringify(await judge(service, used)).includes('one'), 'no keyring is named');
  const { body } = await service.call({ url: '/v1/keyrings/one/keys' });
  t.equal((await judge(service, body.current.key)).acceptable, false, 'a key that Keyturn generated is recognised too');
});

t.test('a key that was stored for a keyring which never came to be is not in use', async (t) => {
  const service = await startTestService(t);
  const key = strong();
  await service.store.putMaterial({ keyring: parseKeyringName('lost'), version: 1, nonce: 'ab'.repeat(8) as never }, new Secret(key));
  t.equal((await judge(service, key)).acceptable, true);
});

t.test('the verdict has every check, in words and without the key', async (t) => {
  const service = await startTestService(t);
  const verdict = await judge(service, 'changeme');
  t.same(
    verdict.checks.map(({ check, outcome }: { check: string; outcome: string }) => `${check} ${outcome}`),
    ['size failed', 'characters passed', 'structure failed', 'placeholder failed', 'known failed', 'reuse passed', 'guessable skipped'],
  );
  t.notOk(JSON.stringify(verdict).includes('changeme'));
  t.match(await judge(service, strong()), { acceptable: true, mayVerify: true, bytes: 32, faults: [], note: /cannot be proven/ });
});

t.test("the operator's word list counts, and a key of the configuration is judged as any other", async (t) => {
  const key = strong();
  const wordlistFile = join(temporaryFolder(t), 'words.txt');
  writeFileSync(wordlistFile, `'${key}'\n`);
  const service = await startTestService(t, { settings: { strength: { wordlistFile } } });
  t.match(await judge(service, key), { acceptable: false, faults: [/published/] });
  const declared = {
    name: parseKeyringName('web'),
    policy: DEFAULT_POLICY,
    imported: { from: 'importFromEnv', key: new Secret(DOCS_KEY) },
  } as const;
  await t.rejects(startTestService(t, { settings: { keyrings: [declared] } }), {
    code: 'invalid_config',
    message: /^(?!.*192b9bdd).*keyring web .*published default.*--verify-only/,
  });
});
