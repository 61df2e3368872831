import type { FastifyInstance } from 'fastify';
import { stringify } from 'yaml';

/** The document of a ready application as `openapi.yaml` holds it: the same bytes for the same routes. */
export function openapiYaml(app: FastifyInstance): string {
  const head = '# Made from the routes by `npm run openapi`; a test compares the two. Change the routes, not this file.\n';
  // What a reader looks for first comes first: what is where, then the shapes.
  const { components, paths, ...rest }: Record<string, unknown> = { ...app.swagger() };
  return head + stringify({ ...rest, paths, components }, { aliasDuplicateObjects: false, lineWidth: 0 });
}
