import { getIronSession } from 'iron-session';
import Keygrip from 'keygrip';
import { keyturnIronSession } from '../../clients/node/dist/adapters/iron-session.js';
import { keygripOf } from '../../clients/node/dist/adapters/keygrip.js';
import { openKeyring } from '../../clients/node/dist/index.js';

/** What the Node workers serve, whatever their framework. FLEET_KEY makes it a site with a key of its own. */

const LIFETIME = Number(process.env.FLEET_LIFETIME);
const NAIVE = process.env.FLEET_KEY;
const SESSION = { cookieName: 'shop', ttl: LIFETIME, cookieOptions: { secure: false } };

const keys = NAIVE === undefined ? await openKeyring(process.env.KEYTURN_KEYRING, { waitSeconds: Number(process.env.FLEET_WAIT) }) : null;
const sessionOf =
  keys === null
    ? (request, response) => getIronSession(request, response, { ...SESSION, password: NAIVE })
    : keyturnIronSession(keys, getIronSession, SESSION);
const grip = keys === null ? new Keygrip([NAIVE]) : keygripOf(keys);

export const routes = [
  { method: 'get', path: '/visit', act: visit },
  { method: 'get', path: '/form', act: form },
  { method: 'post', path: '/order', act: order },
  { method: 'post', path: '/login', act: login },
];

/** Answers one request; without a lease with status 503. */
export async function answer(act, request, response, fields) {
  try {
    const session = await sessionOf(request, response);
    const { status = 200, body } = await act(session, fields);
    return { status, body, headers: told() };
  } catch (error) {
    if (error.statusCode !== 503) throw error;
    return { status: 503, body: { error: error.code }, headers: told() };
  }
}

async function visit(session) {
  const found = who(session);
  if (found.user !== null) await session.save();
  return { body: found };
}

async function form(session) {
  const text = `${session.user ?? ''}.${Math.floor(Date.now() / 1_000)}`;
  return { body: { ...who(session), token: `${text}.${grip.sign(text)}` } };
}

async function order(session, { csrf_token }) {
  const fault = faultOf(session, csrf_token);
  return fault === null ? { body: who(session) } : { status: 400, body: { refused: fault } };
}

async function login(session, { csrf_token, user, mark }) {
  const fault = faultOf(session, csrf_token);
  if (fault !== null) return { status: 400, body: { refused: fault } };
  Object.assign(session, { user, mark });
  await session.save();
  return { body: who(session) };
}

function who({ user, mark }) {
  return { user: user ?? null, mark: mark ?? null };
}

function faultOf(session, token) {
  const [user, seconds, signature] = String(token).split('.');
  if (!grip.verify(`${user}.${seconds}`, String(signature))) return 'The signature is by no key that this worker accepts.';
  if (user !== (session.user ?? '')) return 'The form belongs to somebody else.';
  return Date.now() / 1_000 - Number(seconds) > LIFETIME ? 'The form is too old.' : null;
}

/** For the conductor: which worker this is and which keys it uses. */
function told() {
  const worker = { 'fleet-worker': `${process.env.FLEET_NAME} (${process.pid})` };
  if (keys === null) return { ...worker, 'fleet-signs': process.env.FLEET_KEY_NUMBER };
  const { usable, version, next, previous } = keys.status();
  const accepted = [...previous, version, ...(next === null ? [] : [next])].toSorted((a, b) => a - b);
  return usable ? { ...worker, 'fleet-signs': String(version), 'fleet-accepts': accepted.join(' ') } : worker;
}
