import { timingSafeEqual } from 'node:crypto';
import { KeyturnError } from '../core/errors.ts';
import type { Authenticator, Credentials, Principal } from '../ports/authenticator.ts';
import type { Clock } from '../ports/clock.ts';
import type { ChangeCursor } from '../ports/store.ts';
import type { TokenFeed, TokenId, TokenRecord, TokenStore } from '../ports/tokens.ts';
import { Misses, QuestionBudget, Uses } from './lookups.ts';
import { Proven } from './proven.ts';
import { type PresentedToken, parseToken, tokenDigest } from './token-format.ts';
import type { Entry, TokenTable } from './token-table.ts';

/** Compared with in place of an unknown token's digest, so that unknown ids and wrong secrets take the same path. No text hashes to it. */
const NO_DIGEST = Buffer.alloc(32);

export interface AuthenticatorDeps {
  readonly table: TokenTable;
  readonly store: TokenStore & Partial<TokenFeed>;
  readonly clock: Clock;
}

/**
 * Bearer tokens, proven against a table in memory: the answer is a value, not a promise, except for an id that the table lacks. That id
 * is asked of the store once (another replica may have issued it a moment ago), within a budget.
 */
export class TokenAuthenticator implements Authenticator {
  readonly #table: TokenTable;
  readonly #store: TokenStore & Partial<TokenFeed>;
  readonly #clock: Clock;
  readonly #misses: Misses;
  readonly #budget: QuestionBudget;
  readonly #uses = new Uses();
  readonly #proven = new Proven();
  #cursor: ChangeCursor | null = null;
  readonly #asking = new Map<TokenId, Promise<Entry | undefined>>();

  constructor({ table, store, clock }: AuthenticatorDeps) {
    this.#table = table;
    this.#store = store;
    this.#clock = clock;
    this.#misses = new Misses(clock);
    this.#budget = new QuestionBudget(clock);
  }

  /** @throws KeyturnError `unauthenticated`, or (as a rejection) what the store throws */
  authenticate({ bearer }: Credentials): Principal | Promise<Principal> {
    if (bearer === null) throw refused('no bearer token was sent');
    const token = parseToken(bearer);
    if (token === null) throw refused('what was sent is not a token, or was truncated or mistyped');
    const entry = this.#table.get(token.id);
    if (entry !== undefined || this.#misses.has(token.id)) return this.#prove(token, entry);
    return this.#find(token.id).then((found) => this.#prove(token, found));
  }

  /** Proves a token that the table holds; whatever else is shown, and all reasons, are for `authenticate`. */
  recognise({ bearer }: Credentials): Principal | null {
    if (bearer === null) return null;
    const proven = this.#proven.get(bearer);
    const token = proven ?? tokenDigest(bearer);
    const entry = token === null ? undefined : this.#table.get(token.id);
    if (token === null || entry === undefined || !timingSafeEqual(token.digest, entry.digest)) return null;
    const { revoked, expiresAt, id } = entry.record;
    const now = this.#clock.now();
    if (revoked !== null || (expiresAt !== null && expiresAt <= now)) return null;
    if (entry.origin === 'issued') this.#uses.note(id, now);
    if (proven === undefined) this.#proven.add(bearer, token);
    return entry.principal;
  }

  /** Reads all issued tokens from the store, before the first request. */
  async reload(): Promise<void> {
    const feed = await this.#store.changed?.(null);
    await this.#table.reload(this.#store);
    this.#cursor = feed?.cursor ?? null;
  }

  /** Takes in what other replicas issued and revoked, where the store is shared. @throws what the store throws */
  async catchUp(): Promise<void> {
    const feed = await this.#store.changed?.(this.#cursor);
    if (feed === undefined) return;
    for (const record of feed.tokens) this.learn(record);
    this.#cursor = feed.cursor;
  }

  /** Takes in a token that was just issued or revoked, so that it counts from the next request on. */
  learn(record: TokenRecord): void {
    this.#misses.delete(record.id);
    this.#table.learn(record);
  }

  /** Writes last uses down. When the store fails they are kept for the next time, and the failure is thrown. */
  async flushUses(): Promise<void> {
    const uses = this.#uses.take();
    if (uses.size === 0) return;
    try {
      await this.#store.markUsed(uses);
    } catch (error) {
      this.#uses.putBack(uses);
      throw error;
    }
  }

  #prove(token: PresentedToken, entry: Entry | undefined): Principal {
    const same = timingSafeEqual(token.digest, entry?.digest ?? NO_DIGEST);
    if (entry === undefined || !same) throw refused('the token is unknown');
    const { id, revoked, expiresAt } = entry.record;
    const now = this.#clock.now();
    if (revoked !== null) throw refused(`token ${id} was revoked`);
    if (expiresAt !== null && expiresAt <= now) throw refused(`token ${id} has expired`);
    if (entry.origin === 'issued') this.#uses.note(id, now);
    return entry.principal;
  }

  #find(id: TokenId): Promise<Entry | undefined> {
    const under = this.#asking.get(id);
    if (under !== undefined) return under;
    const asked = this.#ask(id).finally(() => this.#asking.delete(id));
    this.#asking.set(id, asked);
    return asked;
  }

  async #ask(id: TokenId): Promise<Entry | undefined> {
    if (!this.#budget.take()) throw tooManyUnknown();
    const record = await this.#store.get(id);
    if (record !== undefined) return this.#table.learn(record);
    this.#misses.add(id);
    return undefined;
  }
}

function refused(why: string): KeyturnError {
  const message = 'A valid token is needed: send `Authorization: Bearer <token>`. An admin issues new ones.';
  return new KeyturnError('unauthenticated', message, { cause: new Error(why) });
}

function tooManyUnknown(): KeyturnError {
  const message = 'Tokens cannot be looked up right now: too many unknown ones arrive. Try again in a second.';
  return new KeyturnError('store_unavailable', message, { retryAfterSeconds: 1 });
}
