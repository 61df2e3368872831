import Type from 'typebox';
import { ROLES } from '../../ports/authenticator.ts';
import type { TokenId } from '../../ports/tokens.ts';
import { ISSUED_TOKEN, TOKEN, TOKEN_PAGE } from '../openapi/examples.ts';
import { Act, Actor, Cursor, closed, Instant, oneOf, orNull, PLAIN_TEXT } from './common.ts';

const Roles = Type.Array(oneOf(ROLES), { minItems: 1, maxItems: ROLES.length, uniqueItems: true });
const Globs = Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
  minItems: 1,
  maxItems: 32,
  description: 'Names of keyrings it covers; `*` stands for any characters, `?` for one. Default: all.',
});

const view = {
  id: Type.String(),
  name: Type.String(),
  roles: Roles,
  keyrings: Globs,
  createdAt: Type.String({ format: 'date-time', description: 'For a token of the configuration: when it was read.' }),
  createdBy: Actor,
  expiresAt: orNull(Instant),
  revoked: orNull(Act),
  lastUsedAt: orNull(Instant),
  origin: oneOf(['issued', 'config']),
};

export const TokenView = Type.Object(view, { title: 'Token', description: 'A token without its text.', examples: [TOKEN] });

export const IssuedToken = Type.Object(
  { token: Type.String({ description: 'Shown only here.' }), ...view },
  { title: 'IssuedToken', examples: [ISSUED_TOKEN] },
);

export const TokenPage = Type.Object(
  { items: Type.Array(TokenView), next: orNull(Type.String()) },
  { title: 'TokenPage', examples: [TOKEN_PAGE] },
);

export const IssueBody = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 100,
      pattern: PLAIN_TEXT,
      description: 'For people, in lists and in the history.',
    }),
    roles: Roles,
    keyrings: Type.Optional(Globs),
    expiresInSeconds: Type.Optional(
      orNull(Type.Integer({ minimum: 60, maximum: 10 * 366 * 86_400, description: 'Null or left out: never.' })),
    ),
  },
  { ...closed, title: 'IssueToken', examples: [{ name: 'web servers', roles: ['app'], keyrings: ['web'], expiresInSeconds: 31_536_000 }] },
);

export const TokenParams = Type.Object({ id: Type.Unsafe<TokenId>(Type.String({ pattern: '^[0-9A-Za-z]{1,64}$' })) });

export const PageQuery = Type.Object(
  { limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, description: 'Default 50.' })), after: Type.Optional(Cursor) },
  { additionalProperties: false },
);
