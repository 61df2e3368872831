import type secureSession from '@fastify/secure-session';
import type { FastifyInstance } from 'fastify';
import { deriveKey } from '../derive.ts';
import type { KeySource } from '../live-secrets.ts';
import type { Snapshot } from '../snapshot.ts';

type Options = Pick<secureSession.SecureSessionPluginOptions, 'cookie' | 'cookieName' | 'sessionName' | 'expiry'>;

export type KeyturnSecureSessionOptions = Options & {
  readonly keys: KeySource;
  readonly secureSession: typeof secureSession;
};

/** How many keys can verify at one time, as the service bounds it. */
const SLOTS = 64;
const PURPOSE = 'keyturn @fastify/secure-session';

/**
 * @fastify/secure-session with the keys of a keyring: each key encrypts as 32 bytes derived from it (HKDF-SHA-256).
 *
 *     await app.register(keyturnSecureSession, { keys, secureSession, cookie: { path: '/' } });
 *
 * It copies the list of keys when it is registered, but not the keys: so there is a fixed number of slots whose bytes are changed in place.
 * The first encrypts; what another one decrypts is encrypted again by itself. Without a lease requests end with status 503.
 */
export async function keyturnSecureSession(app: FastifyInstance, given: KeyturnSecureSessionOptions): Promise<void> {
  const { keys, secureSession, ...options } = given;
  const slots = Array.from({ length: SLOTS }, () => Buffer.alloc(32));
  fill(slots, keys.snapshot());
  app.addHook('onClose', async () => stop());
  const stop = keys.onChange((snapshot) => snapshot !== null && fill(slots, snapshot));
  app.addHook('onRequest', async () => void keys.snapshot());
  await app.register(secureSession, { ...options, key: slots });
}

Object.assign(keyturnSecureSession, { [Symbol.for('skip-override')]: true });

/** Free slots repeat the current key, which has been tried by then. */
function fill(slots: readonly Buffer[], snapshot: Snapshot): void {
  const derived = snapshot.signingFirst.map(({ key }) => deriveKey(key, PURPOSE));
  for (const [index, slot] of slots.entries()) (derived[index] ?? derived[0])?.copy(slot);
}
