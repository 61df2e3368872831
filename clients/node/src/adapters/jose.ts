import type { JWTHeaderParameters } from 'jose';
import { type JwtOptions, keyFor, kidOf } from '../jwt-keys.ts';
import type { KeySource } from '../live-secrets.ts';

/** The algorithms whose keys a keyring holds. Give it to `jwtVerify` as `algorithms`. */
export const HMAC_ALGORITHMS = ['HS256', 'HS384', 'HS512'];

export interface JoseKeys {
  /** For `new SignJWT(claims).setProtectedHeader(keys.header())`. */
  header(alg?: 'HS256' | 'HS384' | 'HS512'): { readonly alg: string; readonly kid: string };
  /** For `.sign(keys.signingKey())`; in the same step as `header()`. */
  signingKey(): Uint8Array;
  /** For `jwtVerify(token, keys.getKey, { algorithms: HMAC_ALGORITHMS })`. */
  readonly getKey: (header: JWTHeaderParameters | { alg?: string; kid?: string }) => Promise<Uint8Array>;
}

/**
 * The keys of a keyring for jose, by `kid`. createLocalJWKSet and createRemoteJWKSet take public keys only.
 *
 *     const jwt = joseKeys(keys);
 *     const token = await new SignJWT({ sub }).setProtectedHeader(jwt.header()).setExpirationTime('1h').sign(jwt.signingKey());
 *     const { payload } = await jwtVerify(token, jwt.getKey, { algorithms: ['HS256'] });
 */
export function joseKeys(keys: KeySource, options: JwtOptions = {}): JoseKeys {
  const bytes = (key: string): Uint8Array => new TextEncoder().encode(key);
  return {
    header: (alg = 'HS256') => ({ alg, kid: kidOf(keys.snapshot().current) }),
    signingKey: () => bytes(keys.snapshot().current.key),
    getKey: async (header) => bytes((await keyFor(keys, header, options)).key),
  };
}
