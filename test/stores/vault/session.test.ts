import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Secret } from '../../../src/core/secret.ts';
import { MINUTE, SECOND } from '../../../src/core/time.ts';
import type { VaultAuth } from '../../../src/stores/vault/options.ts';
import { ManualClock } from '../../support/clock.ts';
import { temporaryFolder } from '../../support/sqlite.ts';
import { openTestVault } from '../../support/vault.ts';
import { startVaultDouble, type VaultDouble } from '../../support/vault-double/double.ts';
import { keyring, named } from '../keyrings.ts';

const ALL = 'path "secret/*" { capabilities = ["create", "read", "update", "list"] }';
const LIFE = { ttl: 3_600, maxTtl: 7_200 };

/** A Vault whose tokens live an hour, and two at the most, with two logins; on a clock moved by hand. */
async function cluster(t: Test) {
  const clock = new ManualClock();
  const { vault, address, standbyAddress } = await startVaultDouble(t, { now: () => clock.now() });
  const folder = temporaryFolder(t);
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  vault.life = LIFE;
  vault.allowLogin('auth/approle/login', { role_id: 'role-1', secret_id: 'secret-1' }, ALL);
  vault.allowLogin('auth/k8s/eu/login', { role: 'keyturn', jwt: 'aaa.bbb.ccc' }, ALL);
  const approle = {
    method: 'approle',
    mount: 'approle',
    roleIdFile: file('role', 'role-1\n'),
    secretIdFile: file('secret', 'secret-1\n'),
  } as const;
  const kubernetes = { method: 'kubernetes', mount: 'k8s/eu', role: 'keyturn', jwtFile: file('jwt', 'aaa.bbb.ccc') } as const;
  const options = { address, mount: 'secret', prefix: 'keyturn', clock, timers: clock, timeout: 5 * SECOND };
  const open = async (auth: VaultAuth, more = {}) => (await openTestVault(t, { ...options, auth, ...more })).store;
  return { clock, vault, file, approle, kubernetes, open, standbyAddress };
}

const logins = (vault: VaultDouble) => vault.asked.filter(({ path }) => path.endsWith('/login'));
const renewals = (vault: VaultDouble) => vault.asked.filter(({ path }) => path.endsWith('/renew-self'));

/** Lets what a timer started come to its end: real requests, on a clock that stands still. */
async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2_000 && !condition(); turn++) await new Promise((resolve) => setTimeout(resolve, 1));
}

t.test('AppRole and Kubernetes log in at the path of their mount, without a token', async (t) => {
  const { vault, approle, kubernetes, open } = await cluster(t);
  for (const auth of [approle, kubernetes]) t.equal(await (await open(auth)).load(named('web')), undefined);
  t.match(logins(vault), [
    { path: 'auth/approle/login', body: { role_id: 'role-1', secret_id: 'secret-1' }, token: '' },
    { path: 'auth/k8s/eu/login', body: { role: 'keyturn', jwt: 'aaa.bbb.ccc' }, token: '' },
  ]);
});

t.test('a token is renewed at two thirds of its life, and replaced when the longest life comes near', async (t) => {
  const { clock, vault, approle, open } = await cluster(t);
  const store = await open(approle);
  await clock.advance(39 * MINUTE);
  t.equal(renewals(vault).length, 0);
  await clock.advance(2 * MINUTE);
  await until(() => renewals(vault).length === 1);
  t.equal(logins(vault).length, 1);
  await until(() => clock.pending === 1);
  await clock.advance(41 * MINUTE);
  await until(() => renewals(vault).length === 2);
  await until(() => clock.pending === 1);
  for (let hours = 0; hours < 12 && logins(vault).length < 2; hours++) {
    await clock.advance(26 * MINUTE);
    await until(() => clock.pending === 1);
  }
  await until(() => logins(vault).length === 2);
  t.equal(logins(vault).length, 2, 'a renewal gave little: a new login');
  await store.check();
});

t.test('when renewing fails, Keyturn logs in again; when that fails too, it goes on trying and uses the old token', async (t) => {
  const { clock, vault, approle, file, open } = await cluster(t);
  const store = await open(approle);
  vault.tokens.renewing = false;
  file('secret', 'secret-2');
  await clock.advance(41 * MINUTE);
  await until(() => logins(vault).length === 2 && clock.pending === 1);
  await store.check();
  vault.allowLogin('auth/approle/login', { role_id: 'role-1', secret_id: 'secret-2' }, ALL);
  await clock.advance(11 * SECOND);
  await until(() => logins(vault).length === 3);
  const seen = new Set(vault.asked.map(({ token }) => token));
  await store.check();
  t.notOk(seen.has(vault.asked.at(-1)?.token ?? ''), 'a token that was not used before');
});

t.test('a token that ended or was revoked costs the call a login, not a failure', async (t) => {
  const { clock, vault, kubernetes, open } = await cluster(t);
  const store = await open(kubernetes);
  vault.tokens.revoke(vault.asked.at(-1)?.token ?? '');
  await clock.advance(10 * SECOND);
  await Promise.all([store.check(), store.load(named('web')), store.page(null, 10)]);
  t.equal(logins(vault).length, 2, 'one login for all');
});

t.test('what the policy does not allow is said at once, without login after login', async (t) => {
  const { vault, file, approle, open } = await cluster(t);
  vault.allowLogin('auth/approle/login', { role_id: 'role-1', secret_id: 'weak' }, ALL.replace('"update", ', ''));
  const auth = { ...approle, secretIdFile: file('weak', 'weak') };
  await t.rejects(open(auth), { code: 'store_read_only', message: /policy lacks what docs\/stores-vault\.md lists/ });
  t.equal(logins(vault).length, 1);
});

t.test('a token from a file is read again when it ends', async (t) => {
  const { clock, vault, file, open } = await cluster(t);
  const issue = () => vault.tokens.issue([[{ pattern: 'secret/*', capabilities: new Set(['create', 'read', 'update', 'list']) }]], LIFE);
  const store = await open({ method: 'token', tokenFile: file('token', `${issue()}\n`) });
  vault.tokens.renewing = false;
  const second = issue();
  file('token', second);
  await clock.advance(2 * 60 * MINUTE);
  vault.tokens.renewing = true;
  const third = issue();
  file('token', third);
  await store.check();
  t.ok([second, third].includes(vault.asked.at(-1)?.token ?? ''));
});

t.test(
  'a login that is not accepted, and files that are not there or empty, are said in words that name neither secret nor role',
  async (t) => {
    const { file, approle, open } = await cluster(t);
    const wrong = await open({ ...approle, secretIdFile: file('wrong', 'a-wrong-secret') }).catch((error: unknown) => error);
    t.match(wrong, { code: 'store_unavailable', message: /does not accept the role id or the secret id/ });
    t.notMatch(JSON.stringify(wrong, Object.getOwnPropertyNames(wrong)), /a-wrong-secret|role-1/);
    await t.rejects(open({ ...approle, roleIdFile: file('empty', ' \n') }), { code: 'store_unavailable', message: /is empty/ });
    rmSync(approle.secretIdFile);
    await t.rejects(open(approle), { code: 'store_unavailable', message: /cannot be read \(ENOENT\)/ });
  },
);

t.test('every request names the namespace, the login too', async (t) => {
  const { vault, approle, open } = await cluster(t);
  vault.mount('secret', 'team-a');
  const store = await open(approle, { namespace: 'team-a' });
  await store.swap(keyring('web'), null);
  t.ok(vault.asked.every(({ namespace }) => namespace === 'team-a'));
  t.equal(await (await open(approle)).load(named('web')), undefined, 'another namespace is another store');
});

t.test('a standby that redirects is followed, with everything that was sent', async (t) => {
  const { vault, open, standbyAddress } = await cluster(t);
  vault.redirecting = true;
  const auth = { method: 'token', token: new Secret(vault.rootToken) } as const;
  const store = await open(auth, { address: standbyAddress });
  t.type(await store.swap(keyring('web'), null), 'string');
  t.equal((await store.load(named('web')))?.keyring.name, 'web');
});
