import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import t from 'tap';
import { KeyturnError } from '../../src/core/errors.ts';
import { readTls, type SecureServer, TlsReloader } from '../../src/http/tls.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { temporaryFolder } from '../support/sqlite.ts';

/** Two self-signed pairs for 127.0.0.1. */
const PAIRS = { first: 'test/cli/tls', second: 'test/http/tls' } as const;
type Pair = keyof typeof PAIRS;

const serialOf = (pair: Pair) => new X509Certificate(readFileSync(join(PAIRS[pair], 'cert.pem'))).serialNumber;

interface Secured {
  readonly service: TestService;
  readonly reloader: TlsReloader;
  /** Replaces one file by that of a pair, as a certificate manager would. */
  install(pair: Pair, file: 'cert.pem' | 'key.pem'): void;
  /** Its path. */
  path(file: 'cert.pem' | 'key.pem'): string;
  /** The serial number that a new connection is shown. */
  shown(options?: ConnectionOptions): Promise<string>;
}

/** The real service on real files and a real port, with a reloader that the test calls. */
async function secured(t: Parameters<typeof startTestService>[0]): Promise<Secured> {
  const folder = temporaryFolder(t);
  const path = (file: string) => join(folder, file);
  let seconds = 1_700_000_000;
  const install = (pair: Pair, file: string): void => {
    copyFileSync(join(PAIRS[pair], file), path(file));
    seconds += 10;
    utimesSync(path(file), seconds, seconds);
  };
  install('first', 'cert.pem');
  install('first', 'key.pem');
  const files = { certFile: path('cert.pem'), keyFile: path('key.pem') };
  const service = await startTestService(t, { settings: { tls: files } });
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = service.app.server.address() as AddressInfo;
  const reloader = new TlsReloader(files, service.app.server as unknown as SecureServer);
  const shown = async (options: ConnectionOptions = {}): Promise<string> => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  return { service, reloader, install, path, shown };
}

t.test('serves HTTPS with the pair of the files', async (t) => {
  const { shown } = await secured(t);
  t.equal(await shown(), serialOf('first'));
  const ca = readFileSync('test/cli/tls/cert.pem');
  t.equal(await shown({ rejectUnauthorized: true, ca, servername: 'localhost' }), serialOf('first'), 'to whom trusts it');
  await t.rejects(shown({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }), 'not below TLS 1.2');
});

t.test('a new pair is served to new connections; half of one is not', async (t) => {
  const { reloader, install, shown } = await secured(t);
  t.equal(reloader.look(), false, 'nothing has changed');
  install('second', 'cert.pem');
  t.throws(() => reloader.look(), /key/i, 'the pair does not fit');
  t.equal(await shown(), serialOf('first'), 'the old pair stays');
  t.throws(() => reloader.look(), 'and is looked at again');
  install('second', 'key.pem');
  t.equal(reloader.look(), true);
  t.equal(await shown(), serialOf('second'));
  t.equal(reloader.look(), false, 'once');
  await t.rejects(shown({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }), 'still not below TLS 1.2');
});

t.test('files that vanish or hold nonsense leave the old pair in service', async (t) => {
  const { reloader, install, path, shown } = await secured(t);
  rmSync(path('key.pem'));
  t.throws(() => reloader.look(), { code: 'invalid_config', message: /cannot be read/ });
  writeFileSync(path('key.pem'), 'nonsense');
  t.throws(() => reloader.look());
  t.equal(await shown(), serialOf('first'));
  install('first', 'key.pem');
  t.equal(reloader.look(), true);
  t.equal(await shown(), serialOf('first'));
});

t.test('the running service looks by itself, and says so in its log', async (t) => {
  const { service, install, shown } = await secured(t);
  await service.service.start();
  install('second', 'cert.pem');
  await service.clock.advance(10_000);
  t.match(service.log(), /"task":"tls".*"msg":"housekeeping failed"/);
  install('second', 'key.pem');
  await service.clock.advance(10_000);
  t.equal(await shown(), serialOf('second'));
  t.match(service.log(), /tls certificate reloaded/);
  t.notMatch(service.log(), /PRIVATE KEY/);
});

t.test('a pair that cannot be read keeps the service from starting, and names the file', async (t) => {
  const folder = temporaryFolder(t);
  const files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  t.throws(
    () => readTls(files),
    new KeyturnError('invalid_config', `The TLS file ${files.certFile} cannot be read. Check its path and its permissions.`),
  );
});

t.test('a certificate and a key that do not fit together keep the service from starting, and both are named', async (t) => {
  const here = (file: string) => join(import.meta.dirname, 'tls', file);
  const files = { certFile: here('cert.pem'), keyFile: here('../../cli/tls/key.pem') };
  t.throws(() => readTls(files), { code: 'invalid_config', message: /cannot be used together/ });
  t.ok(readTls({ ...files, keyFile: here('key.pem') }));
});
