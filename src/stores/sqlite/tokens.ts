import { KeyturnError } from '../../core/errors.ts';
import type { TokenId, TokenRecord, TokenStore } from '../../ports/tokens.ts';
import { issuedOf, revokedOf, tokenFrom } from '../token-record.ts';
import type { Database } from './database.ts';
import { numberOf, orNull, type Row, textOf } from './row.ts';

const PAGE = `
  SELECT * FROM tokens WHERE ? IS NULL OR (created_at, id) < (?, ?)
  ORDER BY created_at DESC, id DESC LIMIT ?`;

/** The token port over the same database as the store. */
export function sqliteTokens(database: Database): TokenStore {
  const one = database.prepare('SELECT * FROM tokens WHERE id = ?');
  const insert = database.prepare(
    'INSERT INTO tokens (id, created_at, record, revoked, last_used_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
  );
  const pages = database.prepare(PAGE);
  const revoke = database.prepare('UPDATE tokens SET revoked = coalesce(revoked, ?) WHERE id = ?');
  const use = database.prepare('UPDATE tokens SET last_used_at = max(coalesce(last_used_at, ?1), ?1) WHERE id = ?2');

  const read = (id: TokenId) => one.all(id).map(tokenOf)[0];

  function createdAtOf(id: TokenId): number {
    const row = one.first(id);
    if (row !== undefined) return numberOf(row, 'created_at');
    throw new KeyturnError('invalid_request', 'There is no such token to go on after. Begin at the first page.');
  }

  return {
    async insert(token) {
      const { id, createdAt, revoked, lastUsedAt } = token;
      const added = insert.run(id, createdAt, issuedOf(token), revokedOf(revoked), lastUsedAt);
      if (added === 0) throw new KeyturnError('conflict', `There is a token ${id} already. Issue it under another id.`);
    },

    async get(id) {
      return read(id);
    },

    async page(after, limit) {
      const from = after === null ? null : createdAtOf(after);
      const found = pages.all(from, from, after, limit + 1).map(tokenOf);
      const items = found.slice(0, limit);
      return { items, next: found.length > limit ? (items.at(-1)?.id ?? null) : null };
    },

    async revoke(id, revoked) {
      revoke.run(revokedOf(revoked), id);
      return read(id);
    },

    async markUsed(uses) {
      database.transaction(() => {
        for (const [id, at] of uses) use.run(at, id);
      });
    },
  };
}

function tokenOf(row: Row): TokenRecord {
  return tokenFrom({
    id: textOf(row, 'id') as TokenId,
    createdAt: numberOf(row, 'created_at'),
    issued: textOf(row, 'record'),
    revoked: orNull(textOf, row, 'revoked'),
    lastUsedAt: orNull(numberOf, row, 'last_used_at'),
  });
}
