import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type KeyringOptions, openKeyring } from '../../../clients/node/src/index.ts';
import { KeysService, keyOf, openTestKeyring, problem, TOKEN } from './keys-service.ts';
import { events, folder, rejection } from './observed.ts';

t.test('without keys it does not open', async (t) => {
  const service = await KeysService.start(t);
  const { url } = service;
  service.instead = problem(401, 'unauthenticated');
  t.equal(await rejection({ url }), 'wrong_token');
  t.equal(service.asked.length, 1, 'a refusal is not asked again');
  service.instead = (_request, response) => {
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"code":"keyring_not_found"}');
  };
  t.equal(await rejection({ url, startSeconds: 0 }), 'not_keyturn', 'not the form in which the service refuses');
  service.instead = problem(503, 'store_unavailable');
  t.equal(await rejection({ url, startSeconds: 0 }), 'unavailable');
  service.instead = (_request, response) => void response.writeHead(302, { location: `${url}/elsewhere` }).end();
  t.equal(await rejection({ url, startSeconds: 0 }), 'redirected');
  t.notOk(
    service.asked.some(({ path }) => path === '/elsewhere'),
    'the token does not travel',
  );
  service.instead = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', etag: '"x"' });
    response.end('x'.repeat(300_000));
  };
  t.equal(await rejection({ url, startSeconds: 0 }), 'too_large');
  service.instead = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', etag: '"x"', 'content-length': 1_000 });
    response.write('{', () => response.destroy());
  };
  t.equal(await rejection({ url, startSeconds: 0 }), 'truncated');
  service.instead = () => {};
  t.equal(await rejection({ url, startSeconds: 0, timeoutSeconds: 0.1 }), 'unreachable', 'no answer in time');
  await service.stop();
  t.equal(await rejection({ url, startSeconds: 0 }), 'unreachable');
});

t.test('over TLS it trusts the authority that it was given, and no other', async (t) => {
  const tls = (name: string) => fileURLToPath(new URL(`../../cli/tls/${name}.pem`, import.meta.url));
  const service = await KeysService.start(t);
  const options = { cert: readFileSync(tls('cert')), key: readFileSync(tls('key')) };
  const server = createServer(options, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', etag: service.etag }).end(JSON.stringify(service.body()));
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const url = `https://localhost:${typeof address === 'object' ? address?.port : ''}`;
  t.equal(await rejection({ url, startSeconds: 0 }), 'tls_failure');
  const keys = await openTestKeyring(t, service, { url, environment: { KEYTURN_CA_FILE: tls('cert') } });
  t.equal(keys.snapshot().current.key, keyOf(1));
});

t.test('a start waits for a service that is still starting', async (t) => {
  const service = await KeysService.start(t);
  service.instead = problem(503, 'store_unavailable');
  const { onEvent, until } = events();
  const opening = openTestKeyring(t, service, { onEvent, random: () => 0 });
  await until(1);
  service.instead = null;
  t.equal((await opening).snapshot().current.version, 1);
});

t.test('options that do not do are named', async (t) => {
  const service = await KeysService.start(t);
  const { url } = service;
  const message = async (name: string, options: KeyringOptions) =>
    openKeyring(name, { environment: {}, url, token: TOKEN, ...options }).then(
      () => 'opened',
      (error: Error) => error.message,
    );
  t.match(await message('Web', {}), /keyring name/);
  for (const bad of ['ftp://x', 'x', 'http://user:pw@x', 'http://x/?a=b']) t.match(await message('web', { url: bad }), /url must/, bad);
  t.match(await message('web', { token: 'two words' }), /token must/);
  t.match(await message('web', { token: '' }), /token must/);
  t.match(
    await openKeyring('web', { environment: {}, tokenFile: '/nowhere/at/all' }).catch((error: Error) => error.message),
    /tokenFile cannot be read \(ENOENT\)/,
  );
  t.match(await message('web', { caFile: '/nowhere/at/all' }), /caFile/);
  t.match(await message('web', { instance: 'a b' }), /instance must/);
  t.match(await message('web', { waitSeconds: 301 }), /waitSeconds must/);
  t.match(await openKeyring('web', { environment: {} }).catch((error: Error) => error.message), /no token/);
  t.equal(service.asked.length, 0);
});

t.test('the environment says where and who; the token file is read again for each request', async (t) => {
  const service = await KeysService.start(t);
  const file = join(folder(t), 'token');
  writeFileSync(file, 'first\n');
  const environment = { KEYTURN_URL: `${service.url}/`, KEYTURN_TOKEN_FILE: file };
  const keys = await openKeyring('web', { environment, log: () => {} });
  t.teardown(() => keys.close());
  writeFileSync(file, 'second\n');
  await keys.refresh();
  t.same(
    service.asked.map(({ headers }) => headers.authorization),
    ['Bearer first', 'Bearer second'],
  );
});
