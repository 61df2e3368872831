import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { KeyturnError } from '../../core/errors.ts';
import type { PrincipalId } from '../../core/version.ts';
import { ROLES } from '../../ports/authenticator.ts';
import type { TokenId, TokenRecord, TokenStore } from '../../ports/tokens.ts';
import type { Database } from './database.ts';
import { numberOf, orNull, type Row, textOf } from './row.ts';

const closed = { additionalProperties: false };
const Instant = Type.Integer();
const Actor = Type.Object({ id: Type.Unsafe<PrincipalId>(Type.String()), name: Type.String() }, closed);

/** What never changes of a token, as JSON; revocation and last use are columns beside it. */
const Issued = Compile(
  Type.Object(
    {
      name: Type.String(),
      hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      roles: Type.Array(Type.Union(ROLES.map((role) => Type.Literal(role)))),
      keyrings: Type.Array(Type.String()),
      createdBy: Actor,
      expiresAt: Type.Union([Instant, Type.Null()]),
    },
    closed,
  ),
);
const Revoked = Compile(Type.Object({ at: Instant, by: Actor, reason: Type.String() }, closed));

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
      const { id, createdAt, revoked, lastUsedAt, ...issued } = token;
      const added = insert.run(id, createdAt, JSON.stringify(issued), revoked && JSON.stringify(revoked), lastUsedAt);
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
      revoke.run(JSON.stringify(revoked), id);
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
  const id = textOf(row, 'id') as TokenId;
  const revoked = orNull(textOf, row, 'revoked');
  return {
    id,
    createdAt: numberOf(row, 'created_at'),
    ...parse(Issued, textOf(row, 'record'), id),
    revoked: revoked === null ? null : parse(Revoked, revoked, id),
    lastUsedAt: orNull(numberOf, row, 'last_used_at'),
  };
}

interface Guard<Shape> {
  Check(value: unknown): value is Shape;
}

function parse<Shape>(guard: Guard<Shape>, json: string, id: TokenId): Shape {
  const value = jsonIn(json);
  if (guard.Check(value)) return value;
  throw new KeyturnError(
    'corrupt_document',
    `Token ${id} cannot be read: its row is damaged. Revoke it and issue another, or restore a backup.`,
  );
}

function jsonIn(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
