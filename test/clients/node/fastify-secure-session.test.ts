import secureSession from '@fastify/secure-session';
import Fastify from 'fastify';
import t from 'tap';
import { keyturnSecureSession } from '../../../clients/node/src/adapters/fastify-secure-session.ts';
import { deriveKey } from '../../../clients/node/src/derive.ts';
import type { Keyring } from '../../../clients/node/src/index.ts';
import { KeysService, keyOf, openTestKeyring, type Teardown } from './keys-service.ts';

const PURPOSE = 'keyturn @fastify/secure-session';

async function shop(t: Teardown, keys: Keyring) {
  const app = Fastify();
  t.teardown(() => app.close());
  await app.register(keyturnSecureSession, { keys, secureSession, cookie: { path: '/', maxAge: 3_600 } });
  app.get('/login', async (request) => {
    Reflect.set(request.session, 'user', 'ada');
    return 'in';
  });
  app.get('/who', async (request) => String(Reflect.get(request.session, 'user') ?? 'nobody'));
  return async (url: string, session?: string) => {
    const answer = await app.inject({ url, ...(session !== undefined && { cookies: { session } }) });
    return { status: answer.statusCode, text: answer.body, cookie: answer.cookies.find(({ name }) => name === 'session') };
  };
}

/** The plugin with one key and nothing of ours. */
async function witness(t: Teardown, key: Buffer) {
  const app = Fastify();
  t.teardown(() => app.close());
  await app.register(secureSession, { key });
  return {
    opens: (cookie: string | undefined) => app.decodeSecureSession(cookie ?? '') !== null,
    forge: () => app.encodeSecureSession(app.createSecureSession(Object.fromEntries([['user', 'ada']]))),
  };
}

t.test('@fastify/secure-session: the keys change while it runs, and old sessions are sealed again', async (t) => {
  const service = await KeysService.start(t);
  const keys = await openTestKeyring(t, service);
  const visit = await shop(t, keys);
  const version = (number: number) => witness(t, deriveKey(keyOf(number), PURPOSE));
  const [one, two] = [await version(1), await version(2)];
  const first = (await visit('/login')).cookie?.value;
  t.ok(one.opens(first), 'sealed by version 1');

  service.publish();
  await keys.refresh();
  t.ok(one.opens((await visit('/login')).cookie?.value), 'next does not seal');
  t.equal((await visit('/who', two.forge())).text, 'ada', 'but opens');

  service.promote();
  await keys.refresh();
  const visited = await visit('/who', first);
  t.equal(visited.text, 'ada', 'the old session lives');
  t.ok(two.opens(visited.cookie?.value), 'and is sealed again by version 2');
  t.equal(visited.cookie?.maxAge, 3_600, 'with its options');
  t.equal((await visit('/who', visited.cookie?.value)).cookie, undefined, 'once');
  t.ok(two.opens((await visit('/login')).cookie?.value), 'new ones by version 2');

  for (const key of [Buffer.alloc(32), deriveKey('', PURPOSE)]) {
    const { forge } = await witness(t, key);
    t.equal((await visit('/who', forge())).text, 'nobody', 'forged');
  }
  service.emergency();
  await keys.refresh();
  t.equal((await visit('/who', visited.cookie?.value)).text, 'nobody', 'cut');
  keys.close();
  t.equal((await visit('/who')).status, 503, 'without keys');
});
