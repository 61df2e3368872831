import t from 'tap';
import { load, refusal } from './fixture.ts';

const at = 'store: {kind: vault, vault: {address: "https://vault:8200"';

t.test('an address and a token of the environment are enough', async (t) => {
  const { store } = load('', { KEYTURN_STORE: 'vault', VAULT_ADDR: 'http://127.0.0.1:8200', VAULT_TOKEN: 'hvs.secret' });
  t.match(store, { kind: 'vault', address: 'http://127.0.0.1:8200', mount: 'secret', prefix: 'keyturn', namespace: null, caFile: null });
  t.equal(store.kind === 'vault' && 'token' in store.auth && store.auth.token.reveal(), 'hvs.secret');
});

t.test('the file outweighs the variables of Vault, and those of Keyturn outweigh the file', async (t) => {
  const env = { VAULT_ADDR: 'http://a', VAULT_NAMESPACE: 'team', VAULT_CACERT: 'ca.pem', VAULT_TOKEN: 'x', KEYTURN_VAULT_MOUNT: 'kv/eu' };
  t.match(load(`${at}, mount: other}}`, env).store, {
    address: 'https://vault:8200',
    namespace: 'team',
    caFile: '/srv/ca.pem',
    mount: 'kv/eu',
  });
});

for (const [what, auth, settings] of [
  ['a token file', '{tokenFile: token}', { method: 'token', tokenFile: '/srv/token' }],
  ['AppRole', '{method: approle, roleIdFile: r, secretIdFile: s}', { mount: 'approle', roleIdFile: '/srv/r', secretIdFile: '/srv/s' }],
  [
    'Kubernetes',
    '{method: kubernetes, mount: k8s/eu, role: keyturn}',
    { mount: 'k8s/eu', role: 'keyturn', jwtFile: '/var/run/secrets/kubernetes.io/serviceaccount/token' },
  ],
] as const) {
  t.test(`the login by ${what} has its settings, with paths made absolute`, async (t) => {
    t.match(load(`${at}, auth: ${auth}}}`).store, { auth: settings });
  });
}

for (const [what, yaml, env, faults] of [
  ['an address', 'store: {kind: vault}', { VAULT_TOKEN: 'x' }, [/^\/store\/vault\/address .*VAULT_ADDR/]],
  ['a way to log in', `${at}}}`, {}, [/^\/store\/vault\/auth\/tokenFile .*VAULT_TOKEN/]],
  ['what AppRole needs', `${at}, auth: {method: approle}}}`, {}, [/auth\/roleIdFile/, /auth\/secretIdFile/]],
  ['what Kubernetes needs', `${at}, auth: {method: kubernetes}}}`, {}, [/auth\/role /]],
  ['a sound address', 'store: {kind: vault}', { VAULT_ADDR: 'ftp://x', VAULT_TOKEN: 'x' }, [/^VAULT_ADDR/]],
  ['a sound mount', `${at}, mount: ../x}}`, { VAULT_TOKEN: 'x' }, [/^\/store\/vault\/mount/]],
] as const) {
  t.test(`without ${what} it does not start, and says what is missing`, async (t) => {
    t.match(refusal(yaml, env).faults, faults);
    t.equal(refusal(yaml, env).faults.length, faults.length);
  });
}

t.test('the variables of Vault are of no concern while another store is in use', async (t) => {
  t.same(load('', { VAULT_ADDR: 'ftp://nonsense', VAULT_TOKEN: 'x' }).store, { kind: 'sqlite' });
});
