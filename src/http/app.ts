import type { IncomingMessage, ServerResponse } from 'node:http';
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Bindings, ChildLoggerOptions } from 'pino';
import { sessionNames } from '../app/sessions.ts';
import type { Random } from '../ports/random.ts';
import { guard } from './access.ts';
import type { HttpDeps } from './deps.ts';
import { failureHandler, unroutable } from './failures.ts';
import { keysLane } from './keys-lane.ts';
import { failureLimit } from './limits.ts';
import { openApi } from './openapi/plugin.ts';
import { recordRequests } from './recording/record.ts';
import { auditRoutes } from './routes/audit.ts';
import { backupRoute } from './routes/backup.ts';
import { historyRoute } from './routes/history.ts';
import { instancesRoute } from './routes/instances.ts';
import { keyringRoutes } from './routes/keyrings.ts';
import { keysRoute } from './routes/keys.ts';
import { operationRoutes, routeNotFound } from './routes/operations.ts';
import { retentionRoutes } from './routes/retention.ts';
import { rotationRoutes } from './routes/rotations.ts';
import { strengthRoute } from './routes/strength.ts';
import { tokenRoutes } from './routes/tokens.ts';
import { refuseWhenStopping } from './stopping.ts';
import { unreadable } from './unreadable.ts';
import { validatorCompiler } from './validation.ts';

/** A request that has not arrived whole by then is given up. */
const REQUEST_TIMEOUT_MS = 30_000;

const KEYS_ROUTE = '/v1/keyrings/:name/keys';

/** The HTTP API as a value: it never listens. */
export async function buildApp(deps: HttpDeps): Promise<FastifyInstance> {
  const requestId = requestIds(deps.service.random);
  const app = create(deps, requestId);
  app.decorateRequest('principal', null);
  // Bodies and paths are bounded by their schemas: what TypeBox refuses is never coerced into shape. Answers are typed where they are made.
  app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  const limit = await failureLimit(app, deps.settings, deps.service.clock);
  app.setErrorHandler(failureHandler(limit));
  app.setNotFoundHandler(routeNotFound);
  app.removeContentTypeParser('text/plain');
  refuseWhenStopping(app);
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (reply.statusCode !== 304) reply.header('X-Content-Type-Options', 'nosniff');
    done();
  });
  recordRequests(app, deps.recording);
  app.addHook('onResponse', (request, reply, done) => {
    const { url: route = 'unknown', method } = request.routeOptions;
    deps.metrics.answered(route, typeof method === 'string' ? method : request.method, reply.statusCode, reply.elapsedTime / 1_000);
    done();
  });
  await openApi(app, deps.settings);
  app.register(async (scope) => operationRoutes(scope.withTypeProvider(), deps, limit));
  app.register(async (scope) => {
    guard(scope, deps.authenticator, limit);
    const routes = scope.withTypeProvider();
    keysRoute(routes, deps);
    keyringRoutes(routes, deps);
    rotationRoutes(routes, deps);
    historyRoute(routes, deps);
    instancesRoute(routes, deps);
    strengthRoute(routes, deps);
    tokenRoutes(routes, deps);
    auditRoutes(routes, deps);
    retentionRoutes(routes, deps);
    backupRoute(routes, deps);
  });
  openLane(app, deps, requestId);
  app.server.maxConnections = deps.settings.connections;
  app.server.on('drop', () => deps.metrics.connectionRefused());
  return app;
}

/** Puts the quick way for reads of keys in front of the framework. What goes through `inject` does not meet it. */
function openLane(app: FastifyInstance, deps: HttpDeps, requestId: () => string): void {
  const { reader, authenticator, recording, service, answers, settings, waiters, metrics } = deps;
  const lane = keysLane({
    reader,
    authenticator,
    journal: recording.journal,
    clock: service.clock,
    answers,
    requestId,
    session: sessionNames(service.random),
    stopwatch: deps.stopwatch,
    trustsProxies: settings.trustProxy !== false,
    draining: () => waiters.draining,
    answered: { 200: metrics.answersOf(KEYS_ROUTE, 'GET', 200), 304: metrics.answersOf(KEYS_ROUTE, 'GET', 304) },
  });
  const framework = app.server.listeners('request') as ((request: IncomingMessage, response: ServerResponse) => void)[];
  app.server.removeAllListeners('request');
  app.server.on('request', (request, response) => {
    lane(request, response, () => {
      for (const listener of framework) listener.call(app.server, request, response);
    });
  });
}

/** A logger of its own for each request costs more than it tells: what is logged names its request itself. */
function sharedLogger(logger: FastifyBaseLogger, bindings: Bindings, options: ChildLoggerOptions): FastifyBaseLogger {
  return options.level === undefined ? logger : logger.child(bindings, options);
}

/** Requests without a body spare Node the machinery that would read one. */
const EMPTY = { optimizeEmptyRequests: true };

function create({ settings, logger }: HttpDeps, genReqId: () => string): FastifyInstance {
  const { tls } = settings;
  const options = {
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: typeof settings.trustProxy === 'boolean' ? settings.trustProxy : [...settings.trustProxy],
    bodyLimit: settings.bodyBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    genReqId,
    childLoggerFactory: sharedLogger,
    frameworkErrors: unroutable,
    clientErrorHandler: unreadable(genReqId, logger),
    return503OnClosing: false,
    forceCloseConnections: 'idle' as const,
    routerOptions: { maxParamLength: 100, ignoreTrailingSlash: false },
  };
  if (tls === null) return fastify({ ...options, http: EMPTY });
  return fastify({ ...options, https: { ...EMPTY, cert: tls.cert, key: tls.key.reveal(), minVersion: 'TLSv1.2' } });
}

/** Ids are made here: one from outside could be used to hide in the log. A random prefix tells processes apart, a count their requests. */
function requestIds(random: Random): () => string {
  const prefix = random.bytes(6).toString('hex');
  let count = 0;
  return () => `${prefix}-${(++count).toString(36)}`;
}
