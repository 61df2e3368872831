import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import Fastify from 'fastify';
// In your application: '@keyturn/client/fastify-session' and '@keyturn/client'.
import { keyturnFastifySession } from '../../clients/node/dist/adapters/fastify-session.js';
import { openKeyring } from '../../clients/node/dist/index.js';

const keys = await openKeyring(process.env.KEYRING ?? 'web');
const app = Fastify({ forceCloseConnections: true });

await app.register(fastifyCookie);
// `secure: false` because this example has no TLS.
await app.register(keyturnFastifySession, { keys, session: fastifySession, saveUninitialized: false, cookie: { secure: false } });
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
  done(null, Object.fromEntries(new URLSearchParams(body)));
});

app.get('/', async (request, reply) => {
  const { user, since } = request.session;
  reply.type('text/html; charset=utf-8');
  return page(user === undefined ? 'Nobody is logged in.' : `${escaped(user)} is logged in since ${escaped(since)}.`);
});

app.post('/login', async (request, reply) => {
  // A new session id for who logs in.
  await request.session.regenerate();
  request.session.user = String(request.body?.user ?? '').slice(0, 50);
  request.session.since = new Date().toISOString();
  return reply.redirect('/');
});

app.post('/logout', async (request, reply) => {
  await request.session.destroy();
  return reply.redirect('/');
});

/** For people and for tests: who am I, and which versions does this process use? */
app.get('/whoami', async (request) => {
  const { version, next, previous } = keys.status();
  return { user: request.session.user ?? null, signsWith: version, alsoVerifies: next === null ? previous : [next, ...previous] };
});

app.get('/healthz', async (_request, reply) => {
  const status = keys.status();
  return reply.code(status.usable ? 200 : 503).send(status);
});

function page(greeting) {
  const { version, next, previous } = keys.status();
  return `<!doctype html><title>Keyturn and Fastify</title>
<p>${greeting}</p>
<form method="post" action="/login"><input name="user" placeholder="a name" required> <button>Log in</button></form>
<form method="post" action="/logout"><button>Log out</button></form>
<p>Version ${version} signs; ${next === null ? 'none is next' : `version ${next} is next`}; old ones that verify: ${previous.join(', ') || 'none'}.</p>`;
}

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

console.log(`Fastify listens on ${await app.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' })}`);
process.once('SIGTERM', () => {
  keys.close();
  app.close();
});
