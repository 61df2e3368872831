import cookieSession from 'cookie-session';
import express from 'express';
import Keygrip from 'keygrip';
import t from 'tap';
import { keyturnCookieSession } from '../../../clients/node/src/adapters/cookie-session.ts';
import { keygripOf } from '../../../clients/node/src/adapters/keygrip.ts';
import { type Keyring, secretsOf } from '../../../clients/node/src/index.ts';
import { Browser } from './browser.ts';
import { KeysService, openTestKeyring, type Teardown } from './keys-service.ts';
import { gripSigned } from './signatures.ts';

async function shop(t: Teardown, keys: Keyring, overwrite = true) {
  const app = express();
  app.set('env', 'test');
  app.use(keyturnCookieSession(keys, cookieSession, { maxAge: 86_400_000, sameSite: 'lax', domain: 'shop.example', overwrite }));
  app.get('/login', (request, response) => {
    Reflect.set(request, 'session', { user: 'ada' });
    response.send('in');
  });
  app.get('/who', (request, response) => void response.send(Reflect.get(request.session ?? {}, 'user') ?? 'nobody'));
  app.get('/logout', (request, response) => {
    Reflect.set(request, 'session', null);
    response.send('out');
  });
  return Browser.of(t, app);
}

const signedBy = (version: number | string, browser: Browser) =>
  browser.cookie('session.sig') === gripSigned(`session=${browser.cookie('session')}`, version);

t.test('cookie-session: old cookies go on and are written again with all their options', async (t) => {
  const service = await KeysService.start(t);
  const keys = await openTestKeyring(t, service);
  const browser = await shop(t, keys);
  await browser.get('/login');
  t.ok(signedBy(1, browser), 'signed by version 1');
  const old = browser.cookie('session.sig');
  const payload = browser.cookie('session');

  service.publish();
  await keys.refresh();
  const other = browser.fresh();
  await other.get('/login');
  t.ok(signedBy(1, other), 'next does not sign');
  t.equal(await other.with('session.sig', gripSigned(`session=${payload}`, 2)).get('/who'), 'ada', 'but verifies');
  t.equal(other.setCookies.length, 0, 'and what it signed is left alone');

  service.promote();
  await keys.refresh();
  t.equal(await browser.get('/who'), 'ada', 'the old cookie lives');
  t.ok(signedBy(2, browser), 'and is signed again by version 2');
  t.equal(browser.setCookies.length, 2, 'the session and its signature');
  for (const cookie of browser.setCookies) t.match(cookie, /; path=\/; expires=.*; domain=shop.example; samesite=lax; httponly$/);
  await browser.get('/who');
  t.equal(browser.setCookies.length, 0, 'once');

  await browser.with('session.sig', old).get('/logout');
  t.equal(browser.cookie('session'), '', 'logging out with an old cookie logs out');
});

t.test('cookie-session: no signature is sent without its options, where cookies are not overwritten either', async (t) => {
  const service = await KeysService.start(t);
  const keys = await openTestKeyring(t, service);
  const browser = await shop(t, keys, false);
  await browser.get('/login');
  service.promote();
  await keys.refresh();
  t.equal(await browser.get('/who'), 'ada');
  t.equal(browser.setCookies.length, 2);
  for (const cookie of browser.setCookies) t.match(cookie, /; expires=.*; domain=shop.example/);
});

t.test('cookie-session: forged cookies are refused, an emergency cuts the others', async (t) => {
  const service = await KeysService.start(t);
  const keys = await openTestKeyring(t, service);
  const browser = await shop(t, keys);
  await browser.get('/login');
  const payload = browser.cookie('session');
  const forged = browser
    .fresh()
    .with('session', payload)
    .with('session.sig', gripSigned(`session=${payload}`, ''));
  t.equal(await forged.get('/who'), 'nobody', 'the empty key');
  t.equal(await browser.get('/who'), 'ada');
  service.emergency();
  await keys.refresh();
  t.equal(await browser.get('/who'), 'nobody', 'after the emergency');
  await keys.close();
  await browser.get('/who');
  t.equal(browser.status, 503, 'without keys');
});

t.test('keygrip itself follows the array of secrets', async (t) => {
  const service = await KeysService.start(t);
  const keys = await openTestKeyring(t, service);
  const grip = new Keygrip(secretsOf(keys));
  const first = grip.sign('data');
  t.equal(first, gripSigned('data', 1));
  service.publish();
  await keys.refresh();
  t.equal(grip.sign('data'), first, 'next does not sign');
  t.ok(grip.verify('data', gripSigned('data', 2)), 'but verifies');
  service.promote();
  await keys.refresh();
  t.equal(grip.sign('data'), gripSigned('data', 2));
  t.equal(grip.index('data', first), 1, 'old: to be signed again');
  t.notOk(grip.verify('data', gripSigned('data', '')), 'the empty key');
  service.emergency();
  await keys.refresh();
  t.notOk(grip.verify('data', first), 'cut');
  keys.close();
  t.throws(() => grip.sign('data'), 'no key signs once there is no lease');
  t.notOk(grip.verify('data', gripSigned('data', 4)));
});

t.test('keygripOf says what keygrip says, but leaves what next signed', async (t) => {
  const service = await KeysService.start(t);
  service.promote();
  service.publish();
  const keys = await openTestKeyring(t, service);
  for (const algorithm of ['sha1', 'sha256']) {
    const ours = keygripOf(keys, { algorithm });
    const theirs = new Keygrip(
      keys.snapshot().signingFirst.map(({ key }) => key),
      algorithm,
    );
    for (const data of ['', 'session=abc', '??>>~~']) t.equal(ours.sign(data), theirs.sign(data), `${algorithm} ${data}`);
    t.equal(ours.index('data', theirs.sign('data')), 0, 'current');
    t.equal(ours.index('data', 'nonsense'), -1);
  }
  t.equal(keygripOf(keys).index('data', gripSigned('data', 3)), 0, 'next');
  t.equal(keygripOf(keys).index('data', gripSigned('data', 1)), 2, 'previous');
});
