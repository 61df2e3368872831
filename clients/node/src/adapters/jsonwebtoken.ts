import type { Algorithm, GetPublicKeyOrSecret } from 'jsonwebtoken';
import { type JwtOptions, keyFor, kidOf } from '../jwt-keys.ts';
import type { KeySource } from '../live-secrets.ts';

/** The algorithms whose keys a keyring holds. Give it to `jwt.verify` as `algorithms`. */
export const HMAC_ALGORITHMS: Algorithm[] = ['HS256', 'HS384', 'HS512'];

export interface JsonwebtokenKeys {
  /** For `jwt.sign(claims, secret, { ...options, expiresIn: '1h' })`. */
  signing(algorithm?: 'HS256' | 'HS384' | 'HS512'): { readonly secret: string; readonly options: { algorithm: Algorithm; keyid: string } };
  /** For `jwt.verify(token, keys.getKey, { algorithms: HMAC_ALGORITHMS }, callback)`. */
  readonly getKey: GetPublicKeyOrSecret;
}

/**
 * The keys of a keyring for jsonwebtoken, by `kid`.
 *
 *     const keysOf = jsonwebtokenKeys(keys);
 *     const { secret, options } = keysOf.signing();
 *     const token = jwt.sign({ sub }, secret, { ...options, expiresIn: '1h' });
 *     jwt.verify(token, keysOf.getKey, { algorithms: ['HS256'] }, (error, claims) => …);
 */
export function jsonwebtokenKeys(keys: KeySource, options: JwtOptions = {}): JsonwebtokenKeys {
  return {
    signing(algorithm = 'HS256') {
      const { current } = keys.snapshot();
      return { secret: current.key, options: { algorithm, keyid: kidOf(current) } };
    },
    getKey(header, callback) {
      keyFor(keys, header, options).then(
        ({ key }) => callback(null, key),
        (error: unknown) => callback(error instanceof Error ? error : new Error('The key cannot be had.')),
      );
    },
  };
}
