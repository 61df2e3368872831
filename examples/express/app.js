import express from 'express';
import session from 'express-session';
// In your application: '@keyturn/client/express-session' and '@keyturn/client'.
import { keyturnSession } from '../../clients/node/dist/adapters/express-session.js';
import { openKeyring } from '../../clients/node/dist/index.js';

const keys = await openKeyring(process.env.KEYRING ?? 'web');
const app = express();

app.use(express.urlencoded({ extended: false }));
app.use(keyturnSession(keys, session, { resave: false, saveUninitialized: false }));

app.get('/', (request, response) => {
  const { user, since } = request.session;
  response.send(page(user === undefined ? 'Nobody is logged in.' : `${escaped(user)} is logged in since ${escaped(since)}.`));
});

app.post('/login', (request, response, next) => {
  const user = String(request.body?.user ?? '').slice(0, 50);
  // A new session id for who logs in.
  request.session.regenerate((error) => {
    if (error) return next(error);
    request.session.user = user;
    request.session.since = new Date().toISOString();
    response.redirect('/');
  });
});

app.post('/logout', (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.redirect('/')));
});

/** For people and for tests: who am I, and which versions does this process use? */
app.get('/whoami', (request, response) => {
  const { version, next, previous } = keys.status();
  response.json({ user: request.session.user ?? null, signsWith: version, alsoVerifies: next === null ? previous : [next, ...previous] });
});

app.get('/healthz', (_request, response) => {
  const status = keys.status();
  response.status(status.usable ? 200 : 503).json(status);
});

function page(greeting) {
  const { version, next, previous } = keys.status();
  return `<!doctype html><title>Keyturn and Express</title>
<p>${greeting}</p>
<form method="post" action="/login"><input name="user" placeholder="a name" required> <button>Log in</button></form>
<form method="post" action="/logout"><button>Log out</button></form>
<p>Version ${version} signs; ${next === null ? 'none is next' : `version ${next} is next`}; old ones that verify: ${previous.join(', ') || 'none'}.</p>`;
}

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`Express listens on http://127.0.0.1:${server.address().port}`);
});
process.once('SIGTERM', () => {
  keys.close();
  server.close();
  server.closeAllConnections();
});
