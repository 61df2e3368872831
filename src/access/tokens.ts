import { KeyturnError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { type Instant, SECOND } from '../core/time.ts';
import type { Act, Actor, PrincipalId } from '../core/version.ts';
import { type Principal, ROLES } from '../ports/authenticator.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Page } from '../ports/store.ts';
import type { TokenId, TokenRecord, TokenStore, TokenTurns } from '../ports/tokens.ts';
import { mintToken } from './token-format.ts';
import { checkTokenRequest, type TokenRequest } from './token-request.ts';
import type { TokenTable } from './token-table.ts';

const BOOTSTRAP: Actor = { id: 'system:bootstrap' as PrincipalId, name: 'first start' };
const PAGE = 500;

/** A token as lists show it, with where it comes from. */
export interface ListedToken {
  readonly record: TokenRecord;
  readonly origin: 'issued' | 'config';
}

/** `text` is the only copy of the token. */
export interface IssuedToken {
  readonly text: Secret;
  readonly record: TokenRecord;
}

export interface TokensDeps {
  readonly store: TokenStore & Partial<TokenTurns>;
  readonly table: TokenTable;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of every change at once: the authenticator's `learn`. */
  readonly learn: (record: TokenRecord) => void;
}

/** Issues, lists and revokes tokens. Who may call is the caller's question. */
export class Tokens {
  readonly #deps: TokensDeps;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: TokensDeps) {
    this.#deps = deps;
  }

  /** @throws KeyturnError `invalid_request`; `forbidden` when the issuer hands out more keyrings than it may touch itself */
  async issue(by: Principal, request: TokenRequest): Promise<IssuedToken> {
    checkTokenRequest(request);
    const keyrings = request.keyrings ?? ['*'];
    if (!covers(by, keyrings)) throw outOfReach();
    const minted = this.#mint({ id: by.id, name: by.name }, { ...request, keyrings });
    await this.#keep(minted.record);
    return minted;
  }

  /**
   * Config tokens in the order of the file, then issued ones, newest first; only those that reach no further than the caller. A page may be short and
   * still have a successor. `after` is the id at the end of the page before.
   */
  async list(by: Principal, after: TokenId | null, limit: number): Promise<Page<ListedToken, TokenId>> {
    const page = await this.#page(after, limit);
    return { ...page, items: page.items.filter(({ record }) => covers(by, record.keyrings)) };
  }

  async #page(after: TokenId | null, limit: number): Promise<Page<ListedToken, TokenId>> {
    const declared = this.#deps.table.declared();
    const from = after === null ? 0 : declared.findIndex(({ id }) => id === after) + 1;
    if (after !== null && from === 0) return listed(await this.#deps.store.page(after, limit));
    const head = declared.slice(from, from + limit).map((record) => ({ record, origin: 'config' as const }));
    // With no room left, one more is read only to know whether another page follows.
    const tail = listed(await this.#deps.store.page(null, Math.max(1, limit - head.length)));
    if (head.length < limit) return { items: [...head, ...tail.items], next: tail.next };
    const more = from + limit < declared.length || tail.items.length > 0;
    return { items: head, next: more ? (head.at(-1)?.record.id ?? null) : null };
  }

  /**
   * Revoking again changes nothing.
   * @throws KeyturnError `token_not_found`, also for one that reaches further than the caller; `token_protected` for a token of the config file and for the last usable admin
   */
  async revoke(by: Principal, id: TokenId, reason: string): Promise<TokenRecord> {
    // One at a time: two admins that revoke each other must not both succeed.
    const turn = this.#turn.then(() => this.#alone(() => this.#revoke(by, id, reason)));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Where nobody could administer: makes a token for everything and gives it to `keep` before it counts, so that a crash in between
   * leaves no admin whom nobody knows. Null where a usable admin exists.
   */
  bootstrapAdmin(keep: (text: Secret) => Promise<void>): Promise<IssuedToken | null> {
    return this.#alone(async () => {
      if (await this.#hasAdminBeside(null)) return null;
      const minted = this.#mint(BOOTSTRAP, { name: 'bootstrap', roles: ROLES, keyrings: ['*'] });
      await keep(minted.text);
      await this.#keep(minted.record);
      return minted;
    });
  }

  /** While no other replica does such a thing either, where the store is shared. */
  #alone<Result>(body: () => Promise<Result>): Promise<Result> {
    const { store } = this.#deps;
    return store.alone === undefined ? body() : store.alone(body);
  }

  #mint(createdBy: Actor, request: TokenRequest & { readonly keyrings: readonly string[] }): IssuedToken {
    const { id, hash, text } = mintToken(this.#deps.random);
    const { name, roles, keyrings, expiresInSeconds } = request;
    const createdAt = this.#deps.clock.now();
    const expiresAt = expiresInSeconds == null ? null : createdAt + expiresInSeconds * SECOND;
    return { text, record: { id, name, hash, roles, keyrings, createdAt, createdBy, expiresAt, revoked: null, lastUsedAt: null } };
  }

  async #keep(record: TokenRecord): Promise<void> {
    await this.#deps.store.insert(record);
    this.#deps.learn(record);
  }

  async #revoke(by: Principal, id: TokenId, reason: string): Promise<TokenRecord> {
    const declared = this.#deps.table.declared().find((token) => token.id === id);
    const known = declared ?? (await this.#deps.store.get(id));
    if (known === undefined || !covers(by, known.keyrings)) throw notFound();
    if (declared !== undefined) throw declaredInConfig();
    const act: Act = { at: this.#deps.clock.now(), by: { id: by.id, name: by.name }, reason };
    if (isUsableAdmin(known, act.at) && !(await this.#hasAdminBeside(id))) throw lastAdmin();
    const revoked = await this.#deps.store.revoke(id, act);
    if (revoked === undefined) throw notFound();
    this.#deps.learn(revoked);
    return revoked;
  }

  async #hasAdminBeside(id: TokenId | null): Promise<boolean> {
    const now = this.#deps.clock.now();
    const counts = (record: TokenRecord): boolean => record.id !== id && isUsableAdmin(record, now);
    if (this.#deps.table.declared().some(counts)) return true;
    for (let after: TokenId | null = null, more = true; more; more = after !== null) {
      const page: Awaited<ReturnType<TokenStore['page']>> = await this.#deps.store.page(after, PAGE);
      if (page.items.some(counts)) return true;
      after = page.next;
    }
    return false;
  }
}

function covers(by: Principal, keyrings: readonly string[]): boolean {
  return keyrings.every((glob) => by.covers(glob));
}

function isUsableAdmin(record: TokenRecord, now: Instant): boolean {
  const ended = record.revoked !== null || (record.expiresAt !== null && record.expiresAt <= now);
  return !ended && record.roles.includes('admin');
}

function listed(page: Page<TokenRecord, TokenId>): Page<ListedToken, TokenId> {
  return { items: page.items.map((record) => ({ record, origin: 'issued' })), next: page.next };
}

function outOfReach(): KeyturnError {
  return new KeyturnError('forbidden', 'A token can reach only keyrings that its issuer may touch: ask for narrower globs.');
}

function notFound(): KeyturnError {
  return new KeyturnError('token_not_found', 'There is no token of this id; the list of tokens has the ones there are.');
}

function declaredInConfig(): KeyturnError {
  return new KeyturnError('token_protected', 'This token is declared in the config file: remove it there and restart the service.');
}

function lastAdmin(): KeyturnError {
  const message =
    'This is the last usable token with the role admin: issue another one and check that it works before you revoke this one.';
  return new KeyturnError('token_protected', message);
}
