import express from 'express';
import session from 'express-session';
import t from 'tap';
import { keyturnSession } from '../../../clients/node/src/adapters/express-session.ts';
import { type Keyring, secretsOf } from '../../../clients/node/src/index.ts';
import { Browser } from './browser.ts';
import { KeysService, openTestKeyring, type Teardown } from './keys-service.ts';
import { cookieSigned } from './signatures.ts';

async function shop(t: Teardown, keys: Keyring, options: Omit<session.SessionOptions, 'secret'> = {}, store = new session.MemoryStore()) {
  const app = express();
  app.set('env', 'test');
  app.use(keyturnSession(keys, session, { resave: false, saveUninitialized: false, store, ...options }));
  app.get('/login', (request, response) => {
    Reflect.set(request.session, 'user', 'ada');
    response.send('in');
  });
  app.get('/who', (request, response) => void response.send(Reflect.get(request.session, 'user') ?? 'nobody'));
  return Browser.of(t, app);
}

const idOf = (cookie: string) => decodeURIComponent(cookie).slice(2).split('.')[0] ?? '';
const signedBy = (version: number, cookie: string) => decodeURIComponent(cookie) === `s:${cookieSigned(idOf(cookie), version)}`;

t.test('express-session: old cookies go on, are signed again on use, and new ones are signed by current', async (t) => {
  const service = await KeysService.start(t);
  const keys = await openTestKeyring(t, service);
  const browser = await shop(t, keys, { cookie: { maxAge: 60_000, sameSite: 'lax' } });
  await browser.get('/login');
  const first = browser.cookie('connect.sid');
  t.ok(signedBy(1, first), 'signed by version 1');

  service.publish();
  await keys.refresh();
  t.equal(await browser.get('/who'), 'ada');
  t.equal(browser.setCookies.length, 0, 'next changes nothing');
  const other = browser.fresh();
  await other.get('/login');
  t.ok(signedBy(1, other.cookie('connect.sid')), 'next does not sign');
  t.equal(await browser.with('connect.sid', `s:${cookieSigned(idOf(first), 2)}`).get('/who'), 'ada', 'but verifies');

  service.promote();
  await keys.refresh();
  t.equal(await browser.with('connect.sid', first).get('/who'), 'ada', 'the old cookie lives');
  t.ok(signedBy(2, browser.cookie('connect.sid')), 'and is signed again by version 2');
  t.equal(idOf(browser.cookie('connect.sid')), idOf(first), 'for the same session');
  t.match(browser.setCookies[0], /Path=\/; Expires=.*HttpOnly; SameSite=Lax$/, 'with its options');
  t.equal(browser.setCookies.length, 1);
  await browser.get('/who');
  t.equal(browser.setCookies.length, 0, 'once');

  service.promote();
  await keys.refresh();
  t.equal(await browser.with('connect.sid', first).get('/who'), 'ada', 'two rotations later too');
});

t.test('express-session: forged cookies are refused', async (t) => {
  const service = await KeysService.start(t);
  const keys = await openTestKeyring(t, service);
  const browser = await shop(t, keys);
  await browser.get('/login');
  const id = idOf(browser.cookie('connect.sid'));
  for (const key of ['', 'undefined', 'a']) {
    t.equal(await browser.with('connect.sid', `s:${cookieSigned(id, key)}`).get('/who'), 'nobody', `key ${JSON.stringify(key)}`);
  }
  t.equal(await browser.with('connect.sid', id).get('/who'), 'nobody', 'no signature');
});

t.test('express-session: an emergency cuts old cookies', async (t) => {
  const service = await KeysService.start(t);
  const keys = await openTestKeyring(t, service);
  const browser = await shop(t, keys);
  await browser.get('/login');
  service.emergency();
  await keys.refresh();
  t.equal(await browser.get('/who'), 'nobody');
});

t.test('express-session: without a lease requests end in 503 and cookies stay as they are', async (t) => {
  const service = await KeysService.start(t);
  service.leaseSeconds = 1;
  let now = Date.now();
  const keys = await openTestKeyring(t, service, {
    clock: { now: () => now, uptime: () => performance.now() },
    timers: { after: () => () => {} },
  });
  const browser = await shop(t, keys);
  await browser.get('/login');
  await service.stop();
  now += 1_000;
  await browser.get('/who');
  t.equal(browser.status, 503);
  t.equal(browser.setCookies.length, 0);
});

t.test('express-session: a secure cookie is not sent again over a connection that is not', async (t) => {
  const service = await KeysService.start(t);
  const keys = await openTestKeyring(t, service);
  const store = new session.MemoryStore();
  const browser = await shop(t, keys, { proxy: true, cookie: { secure: true } }, store);
  await browser.get('/login', { 'x-forwarded-proto': 'https' });
  const first = browser.cookie('connect.sid');
  service.promote();
  await keys.refresh();
  t.equal(await browser.get('/who'), 'ada');
  t.equal(browser.setCookies.length, 0, 'plain');
  t.equal(await browser.with('connect.sid', first).get('/who', { 'x-forwarded-proto': 'https' }), 'ada');
  t.match(browser.setCookies[0], /Secure/, 'behind TLS');
});

t.test('the array of secrets stays the same array, and is empty once the keyring is closed', async (t) => {
  const service = await KeysService.start(t);
  const keys = await openTestKeyring(t, service);
  const secrets = secretsOf(keys);
  const same = secrets;
  service.promote();
  await keys.refresh();
  t.equal(secrets.length, 2);
  t.equal(secrets, same);
  keys.close();
  t.same(secrets, []);
});
