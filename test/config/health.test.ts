import t from 'tap';
import { loadHealthTarget } from '../../src/config/health.ts';
import { NOW, surroundings } from './fixture.ts';

const target = (env = {}, files = {}) => loadHealthTarget(surroundings(files, env), NOW);
const PLAIN = { ca: null, pinned: false };

t.test('health asks the address that the service listens on; for every address, this machine', async (t) => {
  t.same(target(), { url: 'http://127.0.0.1:8460', ...PLAIN });
  t.same(target({ KEYTURN_HOST: '0.0.0.0', KEYTURN_PORT: '9000' }), { url: 'http://127.0.0.1:9000', ...PLAIN });
  t.same(target({}, { 'keyturn.yaml': 'host: "::"\n' }), { url: 'http://[::1]:8460', ...PLAIN });
  t.same(target({ KEYTURN_HOST: '10.0.0.5' }), { url: 'http://10.0.0.5:8460', ...PLAIN });
});

t.test('a service with TLS is asked over TLS and known by its certificate, or by the authority in KEYTURN_CA_FILE', async (t) => {
  const files = { 'keyturn.yaml': 'tls: { certFile: c.pem, keyFile: k.pem }\n', 'c.pem': 'CERT', 'k.pem': 'KEY', 'ca.pem': 'CA' };
  t.same(target({}, files), { url: 'https://127.0.0.1:8460', ca: 'CERT', pinned: true });
  t.same(target({ KEYTURN_CA_FILE: 'ca.pem' }, files), { url: 'https://127.0.0.1:8460', ca: 'CA', pinned: false });
  t.throws(() => target({ KEYTURN_CA_FILE: 'none.pem' }, files), { code: 'invalid_config', faults: [{ path: 'KEYTURN_CA_FILE' }] });
});

t.test('KEYTURN_URL goes before the configuration, which is not even read; a token that cannot be read is no matter', async (t) => {
  const env = { KEYTURN_URL: 'https://keys.example/', KEYTURN_TOKEN_FILE: 'none', KEYTURN_PORT: 'wrong' };
  t.same(target(env), { url: 'https://keys.example', ...PLAIN });
  t.throws(() => target({ KEYTURN_URL: 'ftp://x' }), { code: 'invalid_config' });
  t.throws(() => target({ KEYTURN_PORT: 'wrong' }), { code: 'invalid_config' });
});
