import type { FastifyReply, FastifyRequest } from 'fastify';
import type { KeyturnError } from '../core/errors.ts';
import { challenge } from './access.ts';
import type { FailureLimit } from './limits.ts';
import { PROBLEMS, problemOf, toKeyturnError } from './problem.ts';
import { note } from './recording/notes.ts';

/** For whatever a route throws. */
export function failureHandler(limit: FailureLimit) {
  return async (thrown: unknown, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    answerFailure(await limit.judge(toKeyturnError(thrown), request), request, reply);
}

/** For what the framework refuses before it has looked for a route: a path that cannot be decoded. */
export function unroutable(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  answerFailure(toKeyturnError(thrown), request, reply);
}

/** The one place where a failure becomes an answer: the caller hears the problem, the log keeps the cause. */
function answerFailure(error: KeyturnError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const [status] = PROBLEMS[error.code];
  note(request, { code: error.code, reason: reasonOf(error) });
  const log = request.log.child({ reqId: request.id });
  if (status >= 500) log.error({ code: error.code, err: error.cause ?? error }, 'request failed');
  else log.info({ code: error.code, principal: request.principal?.id }, 'request refused');
  if (error.code === 'unauthenticated') challenge(reply);
  if (error.retryAfterSeconds !== null) reply.header('Retry-After', error.retryAfterSeconds);
  reply.header('Cache-Control', 'no-store');
  return reply.code(status).type('application/problem+json').send(problemOf(error, request.id));
}

/** Of a refused token the log alone learns why: which one was shown, and what had become of it. */
function reasonOf({ code, cause }: KeyturnError): string | null {
  return code === 'unauthenticated' && cause instanceof Error ? cause.message : null;
}
