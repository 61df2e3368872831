import type { CookieOptions, Request, RequestHandler, Response } from 'express';
import type expressSession from 'express-session';
import { cookieOf, isSet } from '../cookie-header.ts';
import { type KeySource, secretsOf } from '../live-secrets.ts';
import { openValue, signValue } from '../signed-value.ts';

type Session = typeof expressSession;
type Options = Omit<expressSession.SessionOptions, 'secret'>;

/** express-session marks signed cookies with this. */
const MARK = 's:';

/**
 * express-session with the keys of a keyring: new cookies are signed by the current key, older ones go on and are signed again when they
 * are used. Without a lease requests end in a KeyturnError with status 503 instead of logging people out.
 *
 *     app.use(keyturnSession(keys, session, { resave: false, saveUninitialized: false }));
 *
 * express-session signs with the first of an array of secrets that it keeps and reads each time; it never signs a cookie again by itself.
 */
export function keyturnSession(keys: KeySource, session: Session, options: Options = {}): RequestHandler {
  const name = options.name ?? 'connect.sid';
  const inner = session({ ...options, secret: secretsOf(keys) });
  return (request, response, next) => {
    try {
      const id = oldSessionId(keys, cookieOf(request.headers.cookie, name));
      // Before express-session, whose own hook runs first then: so it is known whether it sets the cookie itself.
      if (id !== null) beforeHeaders(response, () => signAgain(keys, request, response, { name, id, proxy: options.proxy }));
    } catch (error) {
      return next(error);
    }
    inner(request, response, next);
  };
}

/** The session's id where its cookie is signed by an old key. */
function oldSessionId(keys: KeySource, cookie: string | null): string | null {
  const snapshot = keys.snapshot();
  if (cookie === null || !cookie.startsWith(MARK)) return null;
  const opened = openValue(cookie.slice(MARK.length), snapshot);
  return opened !== null && snapshot.isOld(opened.key) ? opened.value : null;
}

interface OldCookie {
  readonly name: string;
  readonly id: string;
  readonly proxy: boolean | undefined;
}

function signAgain(keys: KeySource, request: Request, response: Response, { name, id, proxy }: OldCookie): void {
  const { session } = request;
  if (session?.id !== id || isSet(response.getHeader('set-cookie'), name)) return;
  const { cookie } = session.touch();
  const secure = cookie.secure === true;
  if (secure && !isSecure(request, proxy)) return;
  response.cookie(name, `${MARK}${signValue(id, keys.snapshot().current)}`, { ...attributesOf(cookie), secure });
}

const ATTRIBUTES = ['expires', 'path', 'domain', 'httpOnly', 'sameSite', 'priority', 'partitioned'];

/** Those that are set; without the age, which express-session gives as an instant. */
function attributesOf(cookie: object): CookieOptions {
  const attributes = ATTRIBUTES.map((name) => [name, Reflect.get(cookie, name)]);
  return Object.fromEntries(attributes.filter(([, value]) => value !== undefined && value !== null));
}

/** As express-session decides it. */
function isSecure(request: Request, proxy: boolean | undefined): boolean {
  if ('encrypted' in request.socket && request.socket.encrypted === true) return true;
  if (proxy === false) return false;
  if (proxy !== true) return request.secure;
  const forwarded = request.headers['x-forwarded-proto'];
  return String(forwarded).split(',')[0]?.trim().toLowerCase() === 'https';
}

/** A cookie that cannot be signed again is no reason to fail the answer. */
function beforeHeaders(response: Response, action: () => void): void {
  response.writeHead = new Proxy(response.writeHead, {
    apply(writeHead, self, given) {
      try {
        action();
      } catch {}
      return Reflect.apply(writeHead, self, given);
    },
  });
}
