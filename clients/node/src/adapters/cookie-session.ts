import type cookieSession from 'cookie-session';
import type { RequestHandler } from 'express';
import type { KeySource } from '../live-secrets.ts';
import { type GripOptions, keygripOf } from './keygrip.ts';

type CookieSession = typeof cookieSession;
type Options = Omit<CookieSessionInterfaces.CookieSessionOptions, 'keys' | 'secret' | 'signed'>;

/**
 * cookie-session with the keys of a keyring: new cookies are signed by the current key, older ones go on and are written again when they
 * are used. Without a lease requests end in a KeyturnError with status 503 instead of logging people out.
 *
 *     app.use(keyturnCookieSession(keys, cookieSession, { maxAge: 86_400_000 }));
 *
 * cookie-session would sign old cookies again by itself, but forget their options (expires, domain, secure): the session would end with the
 * browser. So it is told that no signature is old, and is given the session anew instead.
 */
export function keyturnCookieSession(keys: KeySource, session: CookieSession, options: Options & GripOptions = {}): RequestHandler {
  const { algorithm, encoding, ...rest } = options;
  const grip = keygripOf(keys, { ...(algorithm !== undefined && { algorithm }), ...(encoding !== undefined && { encoding }) });
  let met = 0;
  const index = (data: string, digest: string): number => {
    met = grip.index(data, digest);
    return Math.min(met, 0);
  };
  const inner = session({ ...rest, keys: { ...grip, index } });
  return (request, response, next) => {
    try {
      keys.snapshot();
    } catch (error) {
      return next(error);
    }
    inner(request, response, (error?: unknown) => {
      if (error !== undefined) return next(error);
      met = 0;
      // Reading the session verifies its cookie, here and now, in this step of the event loop.
      const held: unknown = request.session;
      // cookie-session writes a session that was replaced, with all options. (Types of other session libraries forbid the plain assignment.)
      if (met > 0 && isPopulated(held)) Reflect.set(request, 'session', { ...held });
      next();
    });
  };
}

function isPopulated(session: unknown): session is object {
  return typeof session === 'object' && session !== null && Object.keys(session).length > 0;
}
