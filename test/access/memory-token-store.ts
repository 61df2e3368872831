import { KeyturnError } from '../../src/core/errors.ts';
import type { TokenId, TokenRecord, TokenStore } from '../../src/ports/tokens.ts';

/** A token store in memory that counts its questions and can be down. */
export class MemoryTokenStore implements TokenStore {
  readonly records = new Map<TokenId, TokenRecord>();
  gets = 0;
  down = false;
  readonly used: ReadonlyMap<TokenId, number>[] = [];
  /** Runs before a page is given out: what happens meanwhile. */
  meanwhile: () => void = () => undefined;

  async insert(token: TokenRecord): Promise<void> {
    this.#answer();
    this.records.set(token.id, token);
  }

  async get(id: TokenId): Promise<TokenRecord | undefined> {
    this.gets++;
    this.#answer();
    return this.records.get(id);
  }

  async page(after: TokenId | null, limit: number) {
    this.#answer();
    const all = [...this.records.values()].sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
    const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
    const items = all.slice(from, from + limit);
    this.meanwhile();
    return { items, next: from + limit < all.length ? (items.at(-1)?.id ?? null) : null };
  }

  async revoke(id: TokenId, revoked: TokenRecord['revoked'] & object): Promise<TokenRecord | undefined> {
    this.#answer();
    const known = this.records.get(id);
    if (known === undefined) return undefined;
    const after = { ...known, revoked: known.revoked ?? revoked };
    this.records.set(id, after);
    return after;
  }

  async markUsed(uses: ReadonlyMap<TokenId, number>): Promise<void> {
    this.#answer();
    this.used.push(uses);
  }

  #answer(): void {
    if (this.down) throw new KeyturnError('store_unavailable', 'The store does not answer.');
  }
}
