import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { KeyturnError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import type { Act, PrincipalId } from '../core/version.ts';
import { ROLES } from '../ports/authenticator.ts';
import type { TokenId, TokenRecord } from '../ports/tokens.ts';

const closed = { additionalProperties: false };
const Actor = Type.Object({ id: Type.Unsafe<PrincipalId>(Type.String()), name: Type.String() }, closed);

/** What never changes of a token, as JSON; revocation and last use stand beside it. */
const Issued = Compile(
  Type.Object(
    {
      name: Type.String(),
      hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      roles: Type.Array(Type.Union(ROLES.map((role) => Type.Literal(role)))),
      keyrings: Type.Array(Type.String()),
      createdBy: Actor,
      expiresAt: Type.Union([Type.Integer(), Type.Null()]),
    },
    closed,
  ),
);
const Revoked = Compile(Type.Object({ at: Type.Integer(), by: Actor, reason: Type.String() }, closed));

/** A token as stores keep it. */
export interface KeptToken {
  readonly id: TokenId;
  readonly createdAt: Instant;
  /** Of `issuedOf`. */
  readonly issued: string;
  /** Of `revokedOf`. */
  readonly revoked: string | null;
  readonly lastUsedAt: Instant | null;
}

/** What never changes of a token, as text. */
export function issuedOf({ id: _id, createdAt: _at, revoked: _revoked, lastUsedAt: _used, ...issued }: TokenRecord): string {
  return JSON.stringify(issued);
}

export function revokedOf(revoked: Act): string;
export function revokedOf(revoked: Act | null): string | null;
export function revokedOf(revoked: Act | null): string | null {
  return revoked && JSON.stringify(revoked);
}

/** @throws KeyturnError `corrupt_document` where a text is not what was kept: such a token is neither absent nor more powerful */
export function tokenFrom({ id, createdAt, issued, revoked, lastUsedAt }: KeptToken): TokenRecord {
  const act = revoked === null ? null : parse(Revoked, revoked, id);
  return { id, createdAt, ...parse(Issued, issued, id), revoked: act, lastUsedAt };
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
