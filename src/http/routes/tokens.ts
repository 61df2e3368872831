import Type from 'typebox';
import type { TokenId } from '../../ports/tokens.ts';
import { principalOf } from '../access.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { HttpDeps } from '../deps.ts';
import { note } from '../recording/notes.ts';
import { NoQuery, Reason } from '../schemas/common.ts';
import { NO_STORE, problems } from '../schemas/responses.ts';
import { IssueBody, IssuedToken, PageQuery, TokenPage, TokenParams, TokenView } from '../schemas/token.ts';
import type { Scope } from '../scope.ts';
import { tokenView } from '../views.ts';

const admin = ['admin'] as const;
const DEFAULT_LIMIT = 50;

const schemas = {
  issue: {
    operationId: 'issueToken',
    summary: 'Issue a token; its text is shown only in this answer',
    tags: ['tokens'],
    querystring: NoQuery,
    body: IssueBody,
    response: {
      201: {
        description: 'Issued.',
        headers: { 'Cache-Control': NO_STORE },
        content: { 'application/json': { schema: IssuedToken } },
      },
      ...problems('body_too_large', 'unsupported_media_type', 'store_full', 'store_read_only'),
    },
  },
  list: {
    operationId: 'listTokens',
    summary: 'List tokens, newest first; those of the configuration come on the first page',
    description: 'Only tokens that reach no further than the one that asks. A page may be short: go on until `next` is null.',
    tags: ['tokens'],
    querystring: PageQuery,
    response: { 200: { description: 'A page.', content: { 'application/json': { schema: TokenPage } } }, ...problems() },
  },
  revoke: {
    operationId: 'revokeToken',
    summary: 'Revoke a token now',
    tags: ['tokens'],
    params: TokenParams,
    querystring: Type.Object({ reason: Type.Optional(Reason) }, { additionalProperties: false }),
    response: {
      200: { description: 'Revoked.', content: { 'application/json': { schema: TokenView } } },
      ...problems('token_not_found', 'token_protected', 'store_full', 'store_read_only'),
    },
  },
} as const;

export function tokenRoutes(app: Scope, { tokens }: HttpDeps): void {
  app.post('/v1/tokens', { schema: schemas.issue, config: { access: admin, audit: 'token.issue' } }, async (request, reply) => {
    const { name, roles, keyrings = ['*'], expiresInSeconds = null } = request.body;
    const { text, record } = await tokens.issue(principalOf(request), { name, roles, keyrings, expiresInSeconds });
    note(request, { change: { at: null }, reason: `token ${record.id} (${record.name}): ${record.roles.join(' ')}` });
    return reply
      .code(201)
      .header('Cache-Control', 'no-store')
      .send({ token: text.reveal(), ...tokenView(record, 'issued') });
  });

  app.get('/v1/tokens', { schema: schemas.list, config: { access: admin, audit: 'token.list' } }, async (request) => {
    const { limit = DEFAULT_LIMIT, after } = request.query;
    const page = await tokens.list(principalOf(request), decodeCursor('tokens', after, parseTokenId), limit);
    return {
      items: page.items.map(({ record, origin }) => tokenView(record, origin)),
      next: page.next === null ? null : encodeCursor('tokens', page.next),
    };
  });

  app.delete('/v1/tokens/:id', { schema: schemas.revoke, config: { access: admin, audit: 'token.revoke' } }, async (request) => {
    const { reason = 'revoked' } = request.query;
    note(request, { reason: `token ${request.params.id}: ${reason}` });
    const revoked = await tokens.revoke(principalOf(request), request.params.id, reason);
    note(request, { change: { at: null } });
    return tokenView(revoked, 'issued');
  });
}

function parseTokenId(text: string): TokenId | null {
  return /^[A-Za-z0-9_-]{1,64}$/.test(text) ? (text as TokenId) : null;
}
