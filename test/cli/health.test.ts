import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import type { HealthTarget } from '../../src/config/health.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { keyturn } from './keyturn.ts';

const health = (target: HealthTarget | (() => never)) =>
  keyturn(['health'], {}, { healthTarget: typeof target === 'function' ? target : () => target });

t.test('health is 0 where the service can serve, and sends no token', async (t) => {
  const { exit, out, err, seen } = await keyturn(['health'], { 'GET /readyz': { body: { status: 'degraded' } } });
  t.same([exit, out, err], [0, 'ready\n', '']);
  t.same(
    seen.map(({ path, headers }) => [path, headers.authorization]),
    [['/readyz', undefined]],
  );
});

t.test('health is 1 for everything else: not ready, no service, a configuration with faults', async (t) => {
  const silent = await keyturn(['health'], { 'GET /readyz': { status: 503, body: { status: 'not ready' } } });
  t.match([silent.exit, silent.out, silent.err], [1, /^$/, /status 503 and cannot serve/]);
  const nobody = await health({ url: 'http://127.0.0.1:9', ca: null, pinned: false });
  t.match([nobody.exit, nobody.err], [1, /Cannot reach http:\/\/127\.0\.0\.1:9: nothing listens there/]);
  const broken = await health(() => {
    throw new KeyturnError('invalid_config', 'The configuration has a fault.', { faults: [{ path: '/port', message: 'is wrong' }] });
  });
  t.match([broken.exit, broken.err], [1, /\/port is wrong/]);
});

t.test('health trusts the certificate of the configuration whatever name it bears and whoever signed it, and no other one', async (t) => {
  const read = (folder: string, file: string) => readFileSync(new URL(`./${folder}/${file}`, import.meta.url), 'utf8');
  const [cert, key] = [read('tls-named', 'cert.pem'), read('tls-named', 'key.pem')];
  const server = createServer({ cert, key }, (_request, response) => response.end('{}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  t.equal((await health({ url, ca: cert, pinned: true })).exit, 0);
  t.equal((await health({ url, ca: read('tls', 'cert.pem'), pinned: true })).exit, 1, 'the certificate of another service');
  t.equal((await health({ url, ca: cert, pinned: false })).exit, 1, 'a name that it does not bear');
  t.equal((await health({ url, ca: null, pinned: false })).exit, 1);
});
