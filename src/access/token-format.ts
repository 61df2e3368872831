import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Secret } from '../core/secret.ts';
import type { Random } from '../ports/random.ts';
import type { TokenId } from '../ports/tokens.ts';
import { base62, toNumber } from './base62.ts';

/**
 * The text of a token: `keyturn_<id>_<secret>_<checksum>`, 71 characters, for secret scanners as a regular expression without anchors.
 *
 * - id: 12 base-62 characters, public, names the token in lists and logs;
 * - secret: 256 random bits in 43 base-62 characters;
 * - checksum: CRC-32 of everything before its underscore, in 6 base-62 characters. It is no protection: it tells a truncated or
 *   mistyped token from an unknown one before anything is looked up, and a scanner a token from a look-alike.
 */
export const TOKEN_PATTERN = 'keyturn_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}';
export const TOKEN_ID_PATTERN = '^[0-9A-Za-z]{12}$';

const TOKEN = new RegExp(`^${TOKEN_PATTERN}$`);
const TOKEN_ID = new RegExp(TOKEN_ID_PATTERN);
const ID_LENGTH = 12;
const ID_FROM = 'keyturn_'.length;
const SECRET_BYTES = 32;
const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;
const TOKEN_LENGTH = 71;

/** A token as it was presented: who it says it is, and the SHA-256 of its whole text. */
export interface PresentedToken {
  readonly id: TokenId;
  readonly digest: Buffer;
}

/** A token as it was made. `text` is shown once and kept nowhere; `hash` is what a `TokenRecord` keeps. */
export interface MintedToken {
  readonly id: TokenId;
  readonly hash: string;
  readonly text: Secret;
}

export function mintToken(random: Random): MintedToken {
  const id = base62(toNumber(random.bytes(16)), ID_LENGTH);
  const secret = base62(toNumber(random.bytes(SECRET_BYTES)), SECRET_LENGTH);
  const body = `keyturn_${id}_${secret}`;
  const text = `${body}_${checksum(body)}`;
  return { id: id as TokenId, hash: hash('sha256', text, 'hex'), text: new Secret(text) };
}

/** Null where the text is no token, or one that was truncated or mistyped. */
export function parseToken(text: string): PresentedToken | null {
  if (text.length !== TOKEN_LENGTH || !TOKEN.test(text)) return null;
  const end = TOKEN_LENGTH - CHECKSUM_LENGTH;
  if (checksum(text.slice(0, end - 1)) !== text.slice(end)) return null;
  return { id: text.slice(ID_FROM, ID_FROM + ID_LENGTH) as TokenId, digest: hash('sha256', text, 'buffer') };
}

/**
 * Id and digest of a text that has the length of a token, without a look at its form: enough to compare it with a known digest, which no text
 * of another form has. The read path cannot afford the rest.
 */
export function tokenDigest(text: string): PresentedToken | null {
  if (text.length !== TOKEN_LENGTH) return null;
  return { id: text.slice(ID_FROM, ID_FROM + ID_LENGTH) as TokenId, digest: hash('sha256', text, 'buffer') };
}

export function isTokenId(text: string): text is TokenId {
  return TOKEN_ID.test(text);
}

function checksum(body: string): string {
  return base62(BigInt(crc32(body)), CHECKSUM_LENGTH);
}
