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
 * A signer alone would not do. Meeting a cookie by an old key, @fastify/session clears it where `saveUninitialized` is false, and with the
 * memory store goes on sending the old signature. So a cookie by an old key is signed again before @fastify/session sees it, and sent.
 */
export async function keyturnFastifySession(app: FastifyInstance, given: KeyturnSessionOptions): Promise<void> {
  const { keys, session, ...options } = given;
  const signer = fastifySigner(keys);
  const cookies = new OldCookies(signer, options.cookieName ?? 'sessionId', options.cookiePrefix ?? '');
  app.addHook('onRequest', async (request) => cookies.signAgain(request));
  await app.register(session, { ...options, secret: signer });
  app.addHook('onRequest', async (request) => cookies.putRight(request));
  app.addHook('onSend', async (request, reply) => cookies.send(request, reply));
}

/** Fastify: the hooks and decorators belong to the application, not to a scope of their own. */
Object.assign(keyturnFastifySession, { [Symbol.for('skip-override')]: true });

/** Session cookies of requests under way that came signed by an old key. */
class OldCookies {
  readonly #signer: Signer;
  readonly #name: string;
  readonly #prefix: string;
  /** To the session's id. */
  readonly #met = new WeakMap<FastifyRequest, string>();

  constructor(signer: Signer, name: string, prefix: string) {
    this.#signer = signer;
    this.#name = name;
    this.#prefix = prefix;
  }

  signAgain(request: FastifyRequest): void {
    const cookie = request.cookies[this.#name];
    if (!cookie?.startsWith(this.#prefix)) return;
    const { valid, renew, value } = this.#signer.unsign(cookie.slice(this.#prefix.length));
    if (!valid || !renew) return;
    request.cookies[this.#name] = this.#signed(value);
    this.#met.set(request, value);
  }

  /** The memory store keeps session objects, and with them the old signature. */
  putRight(request: FastifyRequest): void {
    const id = this.#met.get(request);
    const session = sessionOf(request);
    if (id === undefined || session?.sessionId !== id) return;
    Object.defineProperty(session, 'encryptedSessionId', { value: this.#signer.sign(id), configurable: true });
  }

  /** Where @fastify/session did not: it does so only for sessions that roll or were changed. */
  send(request: FastifyRequest, reply: FastifyReply): void {
    const id = this.#met.get(request);
    const session = sessionOf(request);
    if (id === undefined || session?.sessionId !== id || isSet(reply.getHeader('set-cookie'), this.#name)) return;
    if (session.cookie.secure === true && request.protocol !== 'https') return;
    reply.setCookie(this.#name, this.#signed(id), session.cookie.toJSON());
  }

  #signed(id: string): string {
    return `${this.#prefix}${this.#signer.sign(id)}`;
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
