import type { Instant } from '../core/time.ts';
import type { TokenId, TokenRecord, TokenStore } from '../ports/tokens.ts';
import { type DeclaredToken, recordOf } from './declared-token.ts';
import { TokenPrincipal } from './token-principal.ts';

const PAGE = 500;

/** A known token, made ready for requests. */
export interface Entry {
  readonly record: TokenRecord;
  readonly origin: 'issued' | 'config';
  readonly principal: TokenPrincipal;
  readonly digest: Buffer;
}

/**
 * Every token by its id, in memory. Revocation is final here: no answer of the store that was under way when a token was revoked
 * brings it back. A declared token hides an issued one of the same id.
 */
export class TokenTable {
  readonly #declared: ReadonlyMap<TokenId, Entry>;
  #issued = new Map<TokenId, Entry>();

  constructor(declared: readonly DeclaredToken[], now: Instant) {
    this.#declared = new Map(declared.map((token) => [token.id, entryOf(recordOf(token, now), 'config')]));
  }

  get(id: TokenId): Entry | undefined {
    return this.#declared.get(id) ?? this.#issued.get(id);
  }

  /** The declared ones, in the order of the config file. */
  declared(): readonly TokenRecord[] {
    return [...this.#declared.values()].map(({ record }) => record);
  }

  /** Takes in one issued token, or what became of it. */
  learn(record: TokenRecord): Entry {
    const entry = entryOf(this.#unlessRevoked(record), 'issued');
    this.#issued.set(record.id, entry);
    return entry;
  }

  /** Replaces the issued tokens by those of the store. A failure leaves the table as it was. */
  async reload(store: TokenStore): Promise<void> {
    const records: TokenRecord[] = [];
    for (let after: TokenId | null = null, more = true; more; more = after !== null) {
      const page: Awaited<ReturnType<TokenStore['page']>> = await store.page(after, PAGE);
      records.push(...page.items);
      after = page.next;
    }
    this.#issued = new Map(records.map((record) => [record.id, entryOf(this.#unlessRevoked(record), 'issued')]));
  }

  #unlessRevoked(record: TokenRecord): TokenRecord {
    const known = this.#issued.get(record.id)?.record.revoked ?? null;
    return known === null || record.revoked !== null ? record : { ...record, revoked: known };
  }
}

function entryOf(record: TokenRecord, origin: Entry['origin']): Entry {
  return { record, origin, principal: new TokenPrincipal(record), digest: Buffer.from(record.hash, 'hex') };
}
