import type { FastifyRequest } from 'fastify';

/** No address is longer, an IPv6 one with its zone and its port neither. */
const ADDRESS = /^[\x21-\x7e]{1,64}$/;

/**
 * Where a request comes from, for records and limits. With a trusted proxy that is what a header says, which may be any text of any length where
 * the proxy hands on what it was given: then it is the address of the connection.
 */
export function addressOf({ ip, socket }: Pick<FastifyRequest, 'ip' | 'socket'>): string {
  return ADDRESS.test(ip) ? ip : (socket.remoteAddress ?? '');
}
