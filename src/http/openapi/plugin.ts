import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import type { HttpSettings } from '../deps.ts';
import { withComponents } from './components.ts';
import { OPENAPI } from './document.ts';
import { withRoles } from './roles.ts';

/** GET /openapi.json, made from the routes themselves, and the page that shows it, GET /docs. */
export async function openApi(app: FastifyInstance, { docs }: Pick<HttpSettings, 'docs'>): Promise<void> {
  await app.register(swagger, {
    openapi: OPENAPI,
    transform: ({ schema, url, route }) => ({ schema: withRoles(schema, route.config?.access), url }),
    transformObject: (document) => ('openapiObject' in document ? withComponents(document.openapiObject) : document.swaggerObject),
  });
  app.get('/openapi.json', { schema: { hide: true }, logLevel: 'warn' }, async () => app.swagger());
  if (docs) await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true, uiConfig: { url: '/openapi.json' } });
}
