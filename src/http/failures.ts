import type { FastifyReply, FastifyRequest } from 'fastify';
import { challenge } from './access.ts';
import type { FailureLimit } from './limits.ts';
import { PROBLEMS, problemOf, toKeyturnError } from './problem.ts';

/** The one place where a failure becomes an answer: the caller hears the problem, the log keeps the cause. */
export function failureHandler(limit: FailureLimit) {
  return async (thrown: unknown, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const error = await limit(toKeyturnError(thrown), request);
    const [status] = PROBLEMS[error.code];
    if (status >= 500) request.log.error({ code: error.code, err: error.cause ?? error }, 'request failed');
    else request.log.info({ code: error.code, principal: request.principal?.id }, 'request refused');
    if (error.code === 'unauthenticated') challenge(reply);
    if (error.retryAfterSeconds !== null) reply.header('Retry-After', error.retryAfterSeconds);
    reply.header('Cache-Control', 'no-store');
    return reply.code(status).type('application/problem+json').send(problemOf(error, request.id));
  };
}
