import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import { KeyturnError } from '../../core/errors.ts';
import type { Principal } from '../../ports/authenticator.ts';
import { callerOf } from '../access.ts';
import type { HttpDeps } from '../deps.ts';
import type { FailureLimit } from '../limits.ts';
import { METRICS, READINESS } from '../openapi/examples.ts';
import { toKeyturnError } from '../problem.ts';
import { KeyringName, oneOf } from '../schemas/common.ts';
import { openProblems, problems } from '../schemas/responses.ts';
import type { Scope } from '../scope.ts';

const Check = oneOf(['ok', 'failing']);
const SecondsOrNull = Type.Union([Type.Integer(), Type.Null()]);

const ReadinessView = Type.Object(
  {
    status: oneOf(['ready', 'degraded', 'not ready']),
    checks: Type.Object({
      store: Type.Object({ status: Check, kind: Type.String(), silentSeconds: SecondsOrNull }),
      scheduler: Type.Object({ status: Check, lastSweepSecondsAgo: SecondsOrNull }),
      clock: Type.Object({ status: Check }),
      audit: Type.Object({
        status: Check,
        spool: oneOf(['none', 'ok', 'failing']),
        spooled: Type.Integer({ description: 'Records that wait on the disk of this replica for the log that it shares.' }),
      }),
    }),
    overdue: Type.Integer({ description: 'Keyrings whose turn came over a minute ago and failed.' }),
    overdueKeyrings: Type.Optional(Type.Array(KeyringName, { description: 'Only with a token of an operator or auditor; at most 100.' })),
  },
  { title: 'Readiness', examples: [READINESS] },
);

/** No token, or any. */
const OPEN_OR_TOKEN = [{}, { token: [] }];

const readiness = { content: { 'application/json': { schema: ReadinessView } } };

const schemas = {
  health: {
    operationId: 'health',
    summary: 'The process is alive',
    tags: ['operations'],
    security: [],
    response: {
      200: {
        description: 'Alive.',
        content: {
          'application/json': { schema: Type.Object({ status: Type.Literal('ok') }, { title: 'Health', examples: [{ status: 'ok' }] }) },
        },
      },
      ...openProblems('shutting_down'),
    },
  },
  ready: {
    operationId: 'readiness',
    summary: 'The service can serve: 503 while its store is silent or it is stopping',
    tags: ['operations'],
    description: 'With the token of an operator or auditor it names the keyrings that are overdue.',
    security: OPEN_OR_TOKEN,
    response: {
      200: { description: 'Ready or degraded.', ...readiness },
      503: { description: 'Not ready, or stopping.', content: { ...readiness.content, ...openProblems('shutting_down')[503]?.content } },
      ...openProblems(),
    },
  },
  metrics: {
    operationId: 'metrics',
    summary: 'Metrics for Prometheus',
    description: 'Open, or for any token, as configured (`metrics.access`).',
    tags: ['operations'],
    security: OPEN_OR_TOKEN,
    response: {
      200: { description: 'Text exposition format.', content: { 'text/plain': { schema: { type: 'string' }, example: METRICS } } },
      ...openProblems('shutting_down'),
      401: problems()[401],
      429: problems()[429],
    },
  },
} as const;

const SHOWN_OVERDUE = 100;

/** What a load balancer and a monitor ask: without a token. */
export function operationRoutes(app: Scope, { readiness: ask, metrics, settings, authenticator }: HttpDeps, limit: FailureLimit): void {
  const principal = async (request: FastifyRequest): Promise<Principal> => callerOf(request, authenticator, limit);

  /** Null for whoever has no good token: the answer is for everybody. A bad one counts all the same, so that nobody tries tokens here for nothing. */
  const known = async (request: FastifyRequest): Promise<Principal | null> => {
    if (request.headers.authorization === undefined) return null;
    try {
      return await principal(request);
    } catch (error) {
      await limit.judge(toKeyturnError(error), request);
      return null;
    }
  };

  app.get('/healthz', { schema: schemas.health, logLevel: 'warn' }, async () => ({ status: 'ok' as const }));

  app.get('/readyz', { schema: schemas.ready, logLevel: 'warn' }, async (request, reply) => {
    const { status, checks, overdue } = ask();
    const caller = await known(request);
    const names =
      caller !== null && (caller.roles.has('operator') || caller.roles.has('auditor'))
        ? overdue.filter((name) => caller.mayTouch(name))
        : null;
    reply.code(status === 'not ready' ? 503 : 200);
    return { status, checks, overdue: overdue.length, ...(names !== null && { overdueKeyrings: names.slice(0, SHOWN_OVERDUE) }) };
  });

  app.get('/metrics', { schema: schemas.metrics, logLevel: 'warn' }, async (request, reply) => {
    if (settings.metricsAccess === 'token') await principal(request);
    return reply.type(metrics.contentType).send(await metrics.text());
  });
}

/** For whatever asks for a path that does not exist, or by a method that its path does not have: 404 either way, so that there is one answer to know. */
export function routeNotFound(): never {
  throw new KeyturnError('route_not_found', 'There is nothing at this path for this method. GET /openapi.json lists what there is.');
}
