import { KeyturnError } from '../../core/errors.ts';
import type { TokenFeed, TokenId, TokenRecord, TokenStore, TokenTurns } from '../../ports/tokens.ts';
import { issuedOf, revokedOf, tokenFrom } from '../token-record.ts';
import { CURSOR, changedSince, cursorOf, partsOf } from './changes.ts';
import type { Connections } from './connections.ts';
import { LOCK_CLASS } from './migrations.ts';
import type { Notices } from './notices.ts';
import { numberOf, orNull, type Row, textOf } from './row.ts';

export type PostgresTokens = TokenStore & TokenFeed & TokenTurns;

/** The token port over the same schema as the store. @param schema quoted */
export function postgresTokens(connections: Connections, schema: string, notices: Pick<Notices, 'send'>): PostgresTokens {
  const one = `SELECT * FROM ${schema}.tokens WHERE id = $1`;
  const insert = `
    INSERT INTO ${schema}.tokens (id, created_at, record, revoked, last_used_at, changed_xid)
    VALUES ($1, $2, $3, $4, $5, pg_current_xact_id()) ON CONFLICT (id) DO NOTHING RETURNING id`;
  const pages = `
    SELECT * FROM ${schema}.tokens WHERE $1::bigint IS NULL OR (created_at, id) < ($1, $2)
    ORDER BY created_at DESC, id DESC LIMIT $3`;
  const revoke = `UPDATE ${schema}.tokens SET revoked = $2, changed_xid = pg_current_xact_id() WHERE id = $1 AND revoked IS NULL`;
  const use = `
    UPDATE ${schema}.tokens SET last_used_at = greatest(last_used_at, used.at)
    FROM unnest($1::text[], $2::bigint[]) AS used (id, at) WHERE tokens.id = used.id`;
  const now = `SELECT ${CURSOR}`;
  const since = `
    SELECT ${CURSOR}, changed.* FROM (VALUES (true)) AS always
    LEFT JOIN (${changedSince('*', `${schema}.tokens`)}) AS changed ON true`;

  async function read(id: TokenId): Promise<TokenRecord | undefined> {
    return (await connections.query(one, [id])).map(tokenOf)[0];
  }

  async function createdAtOf(id: TokenId): Promise<number> {
    const [row] = await connections.query(one, [id]);
    if (row !== undefined) return numberOf(row, 'created_at');
    throw new KeyturnError('invalid_request', 'There is no such token to go on after. Begin at the first page.');
  }

  return {
    async insert(token) {
      const { id, createdAt, revoked, lastUsedAt } = token;
      const added = await connections.query(insert, [id, createdAt, issuedOf(token), revokedOf(revoked), lastUsedAt]);
      if (added.length === 0) throw new KeyturnError('conflict', `There is a token ${id} already. Issue it under another id.`);
      notices.send();
    },

    get: read,

    async page(after, limit) {
      const from = after === null ? null : await createdAtOf(after);
      const found = (await connections.query(pages, [from, after, limit + 1])).map(tokenOf);
      const items = found.slice(0, limit);
      return { items, next: found.length > limit ? (items.at(-1)?.id ?? null) : null };
    },

    async revoke(id, revoked) {
      await connections.query(revoke, [id, revokedOf(revoked)]);
      notices.send();
      return read(id);
    },

    async markUsed(uses) {
      if (uses.size > 0) await connections.query(use, [[...uses.keys()], [...uses.values()]]);
    },

    async changed(cursor) {
      const rows = await (cursor === null ? connections.query(now) : connections.query(since, partsOf(cursor)));
      const tokens = rows.filter(({ id }) => typeof id === 'string').map(tokenOf);
      return { cursor: cursorOf(rows[0]), tokens };
    },

    alone: (body) =>
      connections.transaction(async (ask) => {
        await ask('SELECT pg_advisory_xact_lock($1, hashtext($2))', [LOCK_CLASS, `${schema} tokens`]);
        return body();
      }),
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
