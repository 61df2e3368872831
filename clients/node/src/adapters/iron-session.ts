import type { IncomingMessage, ServerResponse } from 'node:http';
import type { getIronSession, IronSession, SessionOptions } from 'iron-session';
import { cookieOf } from '../cookie-header.ts';
import type { KeySource } from '../live-secrets.ts';

/** iron-session takes no shorter password, weak ones of old included. */
const MIN_LENGTH = 32;

/**
 * The passwords for iron-session: by version, the current one the highest. Make it anew for each call.
 *
 *     const session = await getIronSession(request, response, { password: ironPassword(keys), cookieName: 'session' });
 *
 * iron-session seals with the highest id it finds. `next` would have it, so it is there for unsealing but not found: not enumerable.
 * @throws KeyturnError as `snapshot`
 */
export function ironPassword(keys: KeySource): Record<string, string> {
  const { current, next, previous } = keys.snapshot();
  const verifying = [...previous, current].filter(({ key }) => key.length >= MIN_LENGTH);
  const password = Object.fromEntries(verifying.map(({ version, key }) => [String(version), key]));
  if (next !== null) Object.defineProperty(password, String(next.version), { value: next.key, enumerable: false });
  return password;
}

type Options = Omit<SessionOptions, 'password'>;

/**
 * getIronSession with the keys of a keyring; a session sealed by an old key is saved again when it is used.
 *
 *     const sessionOf = keyturnIronSession(keys, getIronSession, { cookieName: 'session' });
 *     const session = await sessionOf(request, response);
 */
export function keyturnIronSession<T extends object>(keys: KeySource, getSession: typeof getIronSession, options: Options) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<IronSession<T>> => {
    const session = await getSession<T>(request, response, { ...options, password: ironPassword(keys) });
    const sealedBy = versionOf(cookieOf(request.headers.cookie, options.cookieName));
    const isOld = sealedBy !== null && sealedBy < keys.snapshot().current.version;
    if (isOld && Object.keys(session).length > 0 && !response.headersSent) await session.save();
    return session;
  };
}

/** The version that a seal names: `Fe26.2*7*…`. */
function versionOf(seal: string | null): number | null {
  const id = /^Fe26\.2\*(\d{1,15})\*/.exec(seal ?? '')?.[1];
  return id === undefined ? null : Number(id);
}
