import type { Branded } from '../core/brand.ts';
import type { Instant } from '../core/time.ts';
import type { Act, Actor } from '../core/version.ts';
import type { Role } from './authenticator.ts';
import type { ChangeCursor } from './store.ts';

/** The public part of a token: 12 characters, in the token's own text. */
export type TokenId = Branded<'TokenId'>;

/** What is kept of a token: never its text. */
export interface TokenRecord {
  readonly id: TokenId;
  readonly name: string;
  /** SHA-256 of the whole token, lower-case hex. Enough for 256 random bits; no slow hash is needed. */
  readonly hash: string;
  readonly roles: readonly Role[];
  /** Globs over keyring names (`*` any run of characters, `?` one). */
  readonly keyrings: readonly string[];
  readonly createdAt: Instant;
  readonly createdBy: Actor;
  readonly expiresAt: Instant | null;
  readonly revoked: Act | null;
  /** To the minute; null = never used. */
  readonly lastUsedAt: Instant | null;
}

/**
 * Where issued tokens live. Contract: absence is `undefined`, an outage throws (`store_unavailable` …); `insert` of an id that exists throws
 * `conflict`; `revoke` keeps the first revocation.
 */
export interface TokenStore {
  insert(token: TokenRecord): Promise<void>;
  get(id: TokenId): Promise<TokenRecord | undefined>;
  /** Newest first by (createdAt, id); at most `limit`, those after the token `after`. */
  page(after: TokenId | null, limit: number): Promise<{ readonly items: readonly TokenRecord[]; readonly next: TokenId | null }>;
  revoke(id: TokenId, revoked: Act): Promise<TokenRecord | undefined>;
  /** Many at once; unknown ids are ignored. An earlier instant never replaces a later one. */
  markUsed(uses: ReadonlyMap<TokenId, Instant>): Promise<void>;
}

/** For stores that several replicas share: what became of tokens since. */
export interface TokenFeed {
  /** As `ChangeFeed.changes`: every token that was inserted or revoked after the cursor was issued. With null: the cursor as of now, and none. */
  changed(since: ChangeCursor | null): Promise<{ readonly cursor: ChangeCursor; readonly tokens: readonly TokenRecord[] }>;
}

/** For stores that several replicas share: a decision about tokens that looks at more than one of them. */
export interface TokenTurns {
  /** Runs the body while no other replica runs one. Ask for one turn at a time. */
  alone<Result>(body: () => Promise<Result>): Promise<Result>;
}
