import type { FastifyInstance } from 'fastify';
import { KeyturnError } from '../core/errors.ts';

export interface Address {
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something listens there already, perhaps another Keyturn. Stop it, or choose another port with KEYTURN_PORT.',
  EACCES: 'the system does not allow this port (those below 1024 need a privilege). Choose another one with KEYTURN_PORT.',
  EADDRNOTAVAIL: 'this machine has no such address. Check KEYTURN_HOST.',
  ENOTFOUND: 'the host name is not known. Check KEYTURN_HOST.',
  EAI_AGAIN: 'the host name could not be looked up just now. Check KEYTURN_HOST.',
};

/**
 * @returns the URL of the service
 * @throws KeyturnError `invalid_config` where the address cannot be had
 */
export async function listen(app: FastifyInstance, { host, port }: Address): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const why = REASONS[code] ?? `the system refuses (${code || 'no reason given'}). Check KEYTURN_HOST and KEYTURN_PORT.`;
    throw new KeyturnError('invalid_config', `Cannot listen on ${host}, port ${port}: ${why}`, { cause });
  }
}
