import fastify, { type FastifyInstance, LogController } from 'fastify';
import type { Random } from '../ports/random.ts';
import { guard } from './access.ts';
import type { HttpDeps } from './deps.ts';
import { failureHandler, unroutable } from './failures.ts';
import { failureLimit } from './limits.ts';
import { openApi } from './openapi/plugin.ts';
import { backupRoute } from './routes/backup.ts';
import { historyRoute } from './routes/history.ts';
import { instancesRoute } from './routes/instances.ts';
import { keyringRoutes } from './routes/keyrings.ts';
import { keysRoute } from './routes/keys.ts';
import { operationRoutes, routeNotFound } from './routes/operations.ts';
import { rotationRoutes } from './routes/rotations.ts';
import { strengthRoute } from './routes/strength.ts';
import { tokenRoutes } from './routes/tokens.ts';
import { refuseWhenStopping } from './stopping.ts';
import { unreadable } from './unreadable.ts';
import { validatorCompiler } from './validation.ts';

/** A request that has not arrived whole by then is given up. */
const REQUEST_TIMEOUT_MS = 30_000;

/** The HTTP API as a value: it never listens. */
export async function buildApp(deps: HttpDeps): Promise<FastifyInstance> {
  const app = create(deps);
  app.decorateRequest('principal', null);
  // Bodies and paths are bounded by their schemas: what TypeBox refuses is never coerced into shape. Answers are typed where they are made.
  app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  app.setErrorHandler(failureHandler(await failureLimit(app, deps.settings)));
  app.setNotFoundHandler(routeNotFound);
  app.removeContentTypeParser('text/plain');
  refuseWhenStopping(app);
  app.addHook('onSend', async (_request, reply) => {
    reply.header('X-Content-Type-Options', 'nosniff');
  });
  app.addHook('onResponse', async (request, reply) => {
    const { url: route = 'unknown', method } = request.routeOptions;
    deps.metrics.answered(route, typeof method === 'string' ? method : request.method, reply.statusCode, reply.elapsedTime / 1_000);
  });
  await openApi(app, deps.settings);
  app.register(async (scope) => operationRoutes(scope.withTypeProvider(), deps));
  app.register(async (scope) => {
    guard(scope, deps.authenticator);
    const routes = scope.withTypeProvider();
    keysRoute(routes, deps);
    keyringRoutes(routes, deps);
    rotationRoutes(routes, deps);
    historyRoute(routes, deps);
    instancesRoute(routes, deps);
    strengthRoute(routes, deps);
    tokenRoutes(routes, deps);
    backupRoute(routes, deps);
  });
  return app;
}

function create({ settings, logger, service }: HttpDeps): FastifyInstance {
  const { tls } = settings;
  const genReqId = requestIds(service.random);
  const options = {
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: typeof settings.trustProxy === 'boolean' ? settings.trustProxy : [...settings.trustProxy],
    bodyLimit: settings.bodyBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    genReqId,
    frameworkErrors: unroutable,
    clientErrorHandler: unreadable(genReqId, logger),
    return503OnClosing: false,
    forceCloseConnections: 'idle' as const,
    routerOptions: { maxParamLength: 100, ignoreTrailingSlash: false },
  };
  if (tls === null) return fastify(options);
  return fastify({ ...options, https: { cert: tls.cert, key: tls.key.reveal(), minVersion: 'TLSv1.2' } });
}

/** Ids are made here: one from outside could be used to hide in the log. A random prefix tells processes apart, a count their requests. */
function requestIds(random: Random): () => string {
  const prefix = random.bytes(6).toString('hex');
  let count = 0;
  return () => `${prefix}-${(++count).toString(36)}`;
}
