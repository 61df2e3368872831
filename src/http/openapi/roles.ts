import type { FastifySchema } from 'fastify';
import type { Access } from '../access.ts';

/** An operation with the roles that may call it, in words and as OpenAPI 3.1 has them: any one of these is enough. */
export function withRoles(schema: FastifySchema = {}, access: Access | undefined): FastifySchema {
  if (access === undefined) return schema;
  const needs = `Needs a token with the role ${access.join(' or ')}.`;
  const description = schema.description === undefined ? needs : `${schema.description} ${needs}`;
  return { ...schema, description, security: access.map((role) => ({ token: [role] })) };
}
