import { AsyncLocalStorage } from 'node:async_hooks';
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { KeyturnError } from '../../core/errors.ts';
import type { Instant } from '../../core/time.ts';
import type { Act } from '../../core/version.ts';
import type { ChangeCursor, Revision } from '../../ports/store.ts';
import type { TokenId, TokenRecord, TokenStore } from '../../ports/tokens.ts';
import { issuedOf, revokedOf, tokenFrom } from '../token-record.ts';
import type { Cells } from './cells.ts';
import { revisionOf } from './value.ts';

const ATTEMPTS = 20;

const Kept = Type.Object(
  {
    id: Type.Unsafe<TokenId>(Type.String()),
    createdAt: Type.Integer(),
    issued: Type.String(),
    revoked: Type.Union([Type.String(), Type.Null()]),
    lastUsedAt: Type.Union([Type.Integer(), Type.Null()]),
  },
  { additionalProperties: false },
);
const validator = Compile(Type.Object({ tokens: Type.Array(Kept) }, { additionalProperties: false }));

/** All tokens as of one revision of their document; null = there is none yet. */
interface TokenList {
  readonly tokens: readonly TokenRecord[];
  readonly revision: Revision | null;
}

/** A decision about several tokens: its writes hold only while nobody else wrote since it began. */
interface Turn {
  revision: Revision | null;
  lost: boolean;
}

/**
 * The token port over one document for all tokens: a secret for each would cost as much as a keyring. Writes are compare-and-swaps of the whole
 * list. When a token was last used is known to this process alone and is not written: AWS wants a secret written seldom.
 */
export class AwsTokens implements TokenStore {
  readonly #cells: Cells;
  readonly #secret: string;
  readonly #uses = new Map<TokenId, Instant>();
  readonly #turns = new AsyncLocalStorage<Turn>();

  constructor(cells: Cells, secret: string) {
    this.#cells = cells;
    this.#secret = secret;
  }

  async insert(token: TokenRecord): Promise<void> {
    await this.#change((tokens) => {
      if (!tokens.some(({ id }) => id === token.id)) return [...tokens, token];
      throw new KeyturnError('conflict', `There is a token ${token.id} already. Issue it under another id.`);
    });
  }

  async get(id: TokenId): Promise<TokenRecord | undefined> {
    const { tokens } = await this.#read();
    return tokens.find((token) => token.id === id);
  }

  async page(after: TokenId | null, limit: number) {
    const sorted = [...(await this.#read()).tokens].sort(newestFirst);
    const from = after === null ? 0 : sorted.findIndex(({ id }) => id === after) + 1;
    if (after !== null && from === 0) {
      throw new KeyturnError('invalid_request', 'There is no such token to go on after. Begin at the first page.');
    }
    const items = sorted.slice(from, from + limit);
    return { items, next: from + limit < sorted.length ? (items.at(-1)?.id ?? null) : null };
  }

  async revoke(id: TokenId, revoked: Act): Promise<TokenRecord | undefined> {
    const tokens = await this.#change((all) => {
      const open = all.some((token) => token.id === id && token.revoked === null);
      return open ? all.map((token) => (token.id === id ? { ...token, revoked } : token)) : all;
    });
    return tokens.find((token) => token.id === id);
  }

  async markUsed(uses: ReadonlyMap<TokenId, Instant>): Promise<void> {
    const { tokens } = uses.size > 0 ? await this.#read() : { tokens: [] };
    const known = new Set(tokens.map(({ id }) => id));
    for (const [id, at] of uses) if (known.has(id)) this.#uses.set(id, Math.max(at, this.#uses.get(id) ?? at));
  }

  /** What was issued and revoked since: all tokens, where anything was. With null: the cursor as of now, and none. */
  async changed(since: ChangeCursor | null) {
    const { tokens, revision } = await this.#read();
    const cursor = (revision ?? '0') as string as ChangeCursor;
    return { cursor, tokens: since === null || since === cursor ? [] : tokens };
  }

  /** Runs the body, and again when another replica wrote before it did: what it decided on was true when it wrote. */
  async alone<Result>(body: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      const turn: Turn = { revision: (await this.#read()).revision, lost: false };
      try {
        return await this.#turns.run(turn, body);
      } catch (error) {
        if (!turn.lost || attempt >= ATTEMPTS) throw error;
      }
    }
  }

  async #change(step: (tokens: readonly TokenRecord[]) => readonly TokenRecord[]): Promise<readonly TokenRecord[]> {
    const turn = this.#turns.getStore();
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const { tokens, revision } = await this.#read();
      if (turn !== undefined && turn.revision !== revision) return this.#lose(turn);
      const changed = step(tokens);
      if (changed === tokens) return tokens;
      const swapped = await this.#cells.swap(this.#secret, textOf(changed), revision);
      if (swapped !== null && turn !== undefined) turn.revision = swapped;
      if (swapped !== null) return changed;
    }
    throw busy();
  }

  #lose(turn: Turn): never {
    turn.lost = true;
    throw busy();
  }

  async #read(): Promise<TokenList> {
    const cell = await this.#cells.read(this.#secret);
    if (cell === undefined) return { tokens: [], revision: null };
    return { tokens: tokensIn(cell.text).map((token) => this.#withUse(token)), revision: revisionOf(cell) };
  }

  #withUse(token: TokenRecord): TokenRecord {
    const used = this.#uses.get(token.id);
    return used === undefined || used <= (token.lastUsedAt ?? 0) ? token : { ...token, lastUsedAt: used };
  }
}

/** The document of a list of tokens. */
export function textOf(tokens: readonly TokenRecord[]): string {
  const kept = tokens.map((token) => {
    const { id, createdAt, revoked, lastUsedAt } = token;
    return { id, createdAt, issued: issuedOf(token), revoked: revokedOf(revoked), lastUsedAt };
  });
  return JSON.stringify({ tokens: kept });
}

function tokensIn(text: string): TokenRecord[] {
  const document: unknown = JSON.parse(text);
  if (validator.Check(document)) return document.tokens.map(tokenFrom);
  throw new KeyturnError('corrupt_document', 'The list of tokens cannot be read. Bring its secret back to a version that Keyturn wrote.');
}

function newestFirst(one: TokenRecord, other: TokenRecord): number {
  return other.createdAt - one.createdAt || (one.id < other.id ? 1 : -1);
}

function busy(): KeyturnError {
  return new KeyturnError('conflict', 'Tokens are being changed by many at once. Nothing was changed; try again.', {
    retryAfterSeconds: 1,
  });
}
