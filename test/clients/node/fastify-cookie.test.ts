import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import Fastify, { type FastifyInstance } from 'fastify';
import t from 'tap';
import { fastifySigner } from '../../../clients/node/src/adapters/fastify-cookie.ts';
import { keyturnFastifySession } from '../../../clients/node/src/adapters/fastify-session.ts';
import type { Keyring } from '../../../clients/node/src/index.ts';
import { KeysService, openTestKeyring, type Teardown } from './keys-service.ts';
import { cookieSigned } from './signatures.ts';

type SetCookie = { name: string; value: string; path?: string; expires?: Date; maxAge?: number; sameSite?: string; httpOnly?: boolean };

async function visit(app: FastifyInstance, url: string, cookies: Record<string, string> = {}) {
  const answer = await app.inject({ url, cookies });
  return { status: answer.statusCode, text: answer.body, set: answer.cookies as SetCookie[] };
}

t.test('@fastify/cookie: signing and verifying follow the keyring', async (t) => {
  const service = await KeysService.start(t);
  const keys = await openTestKeyring(t, service);
  const app = Fastify();
  t.teardown(() => app.close());
  await app.register(fastifyCookie, { secret: fastifySigner(keys) });
  app.get('/set', async (_request, reply) => reply.setCookie('a', 'value', { signed: true }).send('set'));
  app.get('/get', async (request) => request.unsignCookie(request.cookies.a ?? ''));
  const verdict = async (cookie: string) => JSON.parse((await visit(app, '/get', { a: cookie })).text);
  const signed = async () => (await visit(app, '/set')).set[0]?.value;

  t.equal(await signed(), cookieSigned('value', 1));
  service.publish();
  await keys.refresh();
  t.equal(await signed(), cookieSigned('value', 1), 'next does not sign');
  t.same(await verdict(cookieSigned('value', 2)), { valid: true, renew: false, value: 'value' }, 'but verifies');
  service.promote();
  await keys.refresh();
  t.equal(await signed(), cookieSigned('value', 2), 'signing has moved on');
  t.same(await verdict(cookieSigned('value', 1)), { valid: true, renew: true, value: 'value' }, 'old: to be renewed');
  t.same(await verdict(cookieSigned('value', '')), { valid: false, renew: false, value: null }, 'the empty key');
  t.same(await verdict('value'), { valid: false, renew: false, value: null }, 'no signature');
  service.emergency();
  await keys.refresh();
  t.equal((await verdict(cookieSigned('value', 1))).valid, false, 'cut');
  keys.close();
  t.equal((await visit(app, '/set')).status, 503, 'without keys');
});

/** A store that keeps text, as those for production do. */
class TextStore {
  readonly #sessions = new Map<string, string>();
  set(id: string, session: object, done: (error?: unknown) => void): void {
    this.#sessions.set(id, JSON.stringify(session));
    done();
  }
  // biome-ignore lint/suspicious/noExplicitAny: the plugin's own type of the callback
  get(id: string, done: (error: unknown, session?: any) => void): void {
    const text = this.#sessions.get(id);
    done(null, text === undefined ? null : JSON.parse(text));
  }
  destroy(id: string, done: (error?: unknown) => void): void {
    this.#sessions.delete(id);
    done();
  }
}

interface Variant {
  readonly name: string;
  readonly options: Omit<Parameters<typeof keyturnFastifySession>[1], 'keys' | 'session'>;
}

const cookie = { secure: false, maxAge: 60_000 };
const VARIANTS: Variant[] = [
  { name: 'memory store, as it comes', options: { cookie } },
  { name: 'memory store, saving only what is used', options: { cookie, saveUninitialized: false, rolling: false } },
  { name: 'a store of text, as it comes', options: { cookie, store: new TextStore() } },
  { name: 'a store of text, saving only what is used', options: { cookie, store: new TextStore(), saveUninitialized: false } },
  { name: 'a store of text, not rolling', options: { cookie, store: new TextStore(), saveUninitialized: false, rolling: false } },
  {
    name: 'a prefix and another name',
    options: { cookie, cookieName: 'sid', cookiePrefix: 's:', saveUninitialized: false, rolling: false },
  },
];

async function shop(t: Teardown, keys: Keyring, { options }: Variant) {
  const app = Fastify();
  t.teardown(() => app.close());
  await app.register(fastifyCookie);
  await app.register(keyturnFastifySession, { ...options, keys, session: fastifySession });
  app.get('/login', async (request) => {
    Reflect.set(request.session, 'user', 'ada');
    return 'in';
  });
  app.get('/who', async (request) => String(Reflect.get(request.session, 'user') ?? 'nobody'));
  app.get('/logout', async (request) => {
    await Reflect.get(request.session, 'destroy').call(request.session);
    return 'out';
  });
  return app;
}

for (const variant of VARIANTS) {
  t.test(`@fastify/session, ${variant.name}: old cookies go on and are signed again on use`, async (t) => {
    const service = await KeysService.start(t);
    const keys = await openTestKeyring(t, service);
    const app = await shop(t, keys, variant);
    const { cookieName: name = 'sessionId', cookiePrefix: prefix = '' } = variant.options;
    const login = await visit(app, '/login');
    const first = login.set[0]?.value ?? '';
    const id = first.slice(prefix.length).split('.')[0] ?? '';
    const by = (version: number | string) => `${prefix}${cookieSigned(id, version)}`;
    t.equal(first, by(1), 'signed by version 1');

    service.publish();
    await keys.refresh();
    t.equal((await visit(app, '/login')).set[0]?.value.startsWith(prefix), true);
    const ahead = await visit(app, '/who', { [name]: by(2) });
    t.equal(ahead.text, 'ada', 'next verifies');
    t.ok(
      ahead.set.every(({ value }) => value === by(2)),
      'and what it signed is left alone, not cleared',
    );

    service.promote();
    await keys.refresh();
    const visited = await visit(app, '/who', { [name]: first });
    t.equal(visited.text, 'ada', 'the old cookie lives');
    t.equal(visited.set.length, 1, 'one cookie is sent, not a removal beside it');
    t.equal(visited.set[0]?.value, by(2), 'signed by version 2');
    t.ok((visited.set[0]?.expires?.getTime() ?? 0) > Date.now(), 'with its age');
    t.equal(visited.set[0]?.httpOnly, true);
    const again = await visit(app, '/who', { [name]: by(2) });
    t.equal(again.text, 'ada');
    t.ok(
      again.set.every(({ value }) => value === by(2)),
      'it stays signed by version 2',
    );
    t.equal((await visit(app, '/who', { [name]: by('') })).text, 'nobody', 'the empty key');

    const other = await visit(app, '/login');
    const [otherId, signature] = (other.set[0]?.value ?? '').slice(prefix.length).split('.');
    t.equal(`${otherId}.${signature}`, cookieSigned(otherId ?? '', 2), 'a new session is signed by version 2');

    const out = await visit(app, '/logout', { [name]: by(1) });
    t.notOk(
      out.set.some(({ value }) => value === by(2)),
      'logging out with an old cookie sends none',
    );
    service.emergency();
    await keys.refresh();
    t.equal((await visit(app, '/who', { [name]: other.set[0]?.value ?? '' })).text, 'nobody', 'cut');
    keys.close();
    t.equal((await visit(app, '/who', { [name]: first })).status, 503, 'without keys');
  });
}
