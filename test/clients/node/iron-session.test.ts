import { getIronSession, sealData, unsealData } from 'iron-session';
import t from 'tap';
import { ironPassword, keyturnIronSession } from '../../../clients/node/src/adapters/iron-session.ts';
import type { Keyring } from '../../../clients/node/src/index.ts';
import { Browser } from './browser.ts';
import { KeysService, keyOf, openTestKeyring, type Teardown } from './keys-service.ts';

async function shop(t: Teardown, keys: Keyring) {
  const sessionOf = keyturnIronSession<{ user?: string }>(keys, getIronSession, {
    cookieName: 'session',
    cookieOptions: { secure: false },
  });
  return Browser.of(t, async (request, response) => {
    try {
      const session = await sessionOf(request, response);
      if (request.url === '/login') {
        session.user = 'ada';
        await session.save();
      }
      response.end(session.user ?? 'nobody');
    } catch (error) {
      response.writeHead(error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500).end();
    }
  });
}

const sealedBy = (seal: string) => Number(seal.split('*')[1]);

t.test('iron-session: sessions go on, are sealed again on use, and next never seals', async (t) => {
  const service = await KeysService.start(t);
  const keys = await openTestKeyring(t, service);
  const browser = await shop(t, keys);
  await browser.get('/login');
  const first = browser.cookie('session');
  t.equal(sealedBy(first), 1);

  service.publish();
  await keys.refresh();
  const other = browser.fresh();
  await other.get('/login');
  t.equal(sealedBy(other.cookie('session')), 1, 'next does not seal');
  const byNext = await sealData({ user: 'ada' }, { password: { 2: keyOf(2) } });
  t.equal(await browser.fresh().with('session', byNext).get('/who'), 'ada', 'but opens');

  service.promote();
  await keys.refresh();
  t.equal(await browser.get('/who'), 'ada', 'the old session lives');
  t.equal(sealedBy(browser.cookie('session')), 2, 'and is sealed again by version 2');
  t.match(browser.setCookies[0], /Max-Age=1209540; Path=\/; HttpOnly/, 'with its options');
  await browser.get('/who');
  t.equal(browser.setCookies.length, 0, 'once');

  for (const id of [1, 2, 3]) {
    const forged = await sealData({ user: 'ada' }, { password: { [id]: 'x'.repeat(32) } });
    t.equal(await browser.fresh().with('session', forged).get('/who'), 'nobody', `forged as ${id}`);
  }
  service.emergency();
  await keys.refresh();
  t.equal(await browser.get('/who'), 'nobody', 'cut');
  keys.close();
  await browser.get('/who');
  t.equal(browser.status, 503, 'without keys');
});

t.test('iron-session: a weak key of old does not keep the others from working', async (t) => {
  const service = await KeysService.start(t);
  service.promote();
  service.keys.set(1, 'changeme');
  const keys = await openTestKeyring(t, service);
  const password = ironPassword(keys);
  t.same(Object.keys(password), ['2']);
  t.same(await unsealData(await sealData({ a: 1 }, { password }), { password }), { a: 1 });
});
