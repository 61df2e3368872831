import type { Instant } from '../core/time.ts';
import type { PrincipalId } from '../core/version.ts';
import type { Role } from '../ports/authenticator.ts';
import type { TokenId, TokenRecord } from '../ports/tokens.ts';

/** A token of the config file: it lives and ends there, by hash, and no store knows it. */
export interface DeclaredToken {
  readonly id: TokenId;
  readonly name: string;
  /** SHA-256 of the whole token, lower-case hex. */
  readonly hash: string;
  readonly roles: readonly Role[];
  readonly keyrings: readonly string[];
  readonly expiresAt: Instant | null;
}

/** The same as a record; `createdAt` is when this service read the config file. */
export function recordOf(declared: DeclaredToken, readAt: Instant): TokenRecord {
  const createdBy = { id: 'system:config' as PrincipalId, name: 'config file' };
  return { ...declared, createdAt: readAt, createdBy, revoked: null, lastUsedAt: null };
}
