import type { CookieSerializeOptions } from '@fastify/cookie';
import type fastifySession from '@fastify/session';
import type { FastifySessionOptions } from '@fastify/session';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isSet } from '../cookie-header.ts';
import type { KeySource } from '../live-secrets.ts';
import { fastifySigner, type Signer } from './fastify-cookie.ts';

export type KeyturnSessionOptions = Omit<FastifySessionOptions, 'secret' | 'algorithm'> & {
  readonly keys: KeySource;
  readonly session: typeof fastifySession;
};

/**
 * @fastify/session with the keys of a keyring; register it after @fastify/cookie.
 *
 *     await app.register(keyturnFastifySession, { keys, session: fastifySession });
 *
 * A signer alone would not do. Meeting a cookie that the current key did not sign, @fastify/session clears it where `saveUninitialized` is
 * false, and with the memory store it goes on sending the old signature. So a cookie by an old key is signed again before
 * @fastify/session sees it, and sent.
 */
export async function keyturnFastifySession(app: FastifyInstance, given: KeyturnSessionOptions): Promise<void> {
  const { keys, session, ...options } = given;
  const signer = fastifySigner(keys);
  const cookies = new SessionCookies(signer, options.cookieName ?? 'sessionId', options.cookiePrefix ?? '');
  app.addHook('onRequest', async (request) => cookies.meet(request));
  await app.register(session, { ...options, secret: signer });
  app.addHook('onRequest', async (request) => cookies.putRight(request));
  app.addHook('onSend', async (request, reply) => cookies.send(request, reply));
}

/** Fastify: the hooks and decorators belong to the application, not to a scope of their own. */
Object.assign(keyturnFastifySession, { [Symbol.for('skip-override')]: true });

/** A session cookie whose signature is right. */
interface Met {
  /** Of the session. */
  readonly id: string;
  /** As it came, or signed again by the current key where an old one signed it. */
  readonly cookie: string;
  readonly isOld: boolean;
}

/** Session cookies of requests under way. */
class SessionCookies {
  readonly #signer: Signer;
  readonly #name: string;
  readonly #prefix: string;
  readonly #met = new WeakMap<FastifyRequest, Met>();

  constructor(signer: Signer, name: string, prefix: string) {
    this.#signer = signer;
    this.#name = name;
    this.#prefix = prefix;
  }

  meet(request: FastifyRequest): void {
    const whole = request.cookies[this.#name];
    if (!whole?.startsWith(this.#prefix)) return;
    const came = whole.slice(this.#prefix.length);
    const { valid, renew, value: id } = this.#signer.unsign(came);
    if (!valid) return;
    const cookie = renew ? this.#signer.sign(id) : came;
    this.#met.set(request, { id, cookie, isOld: renew });
    request.cookies[this.#name] = `${this.#prefix}${cookie}`;
  }

  /** What it would send is what came: it may be signed by `next`, by an instance that is ahead; the memory store keeps old signatures. */
  putRight(request: FastifyRequest): void {
    const met = this.#met.get(request);
    const session = sessionOf(request);
    if (met === undefined || session?.sessionId !== met.id) return;
    Object.defineProperty(session, 'encryptedSessionId', { value: met.cookie, configurable: true });
  }

  /** Where @fastify/session did not: it does so only for sessions that roll or were changed. */
  send(request: FastifyRequest, reply: FastifyReply): void {
    const met = this.#met.get(request);
    const session = sessionOf(request);
    if (!met?.isOld || session?.sessionId !== met.id || isSet(reply.getHeader('set-cookie'), this.#name)) return;
    if (session.cookie.secure === true && request.protocol !== 'https') return;
    reply.setCookie(this.#name, `${this.#prefix}${met.cookie}`, session.cookie.toJSON());
  }
}

/** What of @fastify/session's session this needs. The plugin's own types clash with those of other session plugins. */
interface Session {
  readonly sessionId: string;
  readonly cookie: { readonly secure: unknown; toJSON(): CookieSerializeOptions };
}

function sessionOf(request: FastifyRequest): Session | null {
  const session: unknown = Reflect.get(request, 'session');
  return isSession(session) ? session : null;
}

function isSession(value: unknown): value is Session {
  return typeof value === 'object' && value !== null && 'sessionId' in value && 'cookie' in value;
}
