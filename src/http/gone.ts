import type { FastifyReply } from 'fastify';

/** Aborted when the caller has closed the connection before it was answered. */
export function goneSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => controller.abort());
  return controller.signal;
}
