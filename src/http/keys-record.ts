import type { FastifyRequest } from 'fastify';
import type { Granted } from '../app/read-keys.ts';
import type { Caller } from '../app/sessions.ts';
import type { AuditEvent, AuditOutcome } from '../ports/journal.ts';
import type { InstanceId, LeaseGrant } from '../ports/leases.ts';
import { actorOf, principalOf } from './access.ts';
import { addressOf } from './address.ts';

/** Who asks, as it names itself; the schema of the route has checked the header. */
export function callerOf(request: FastifyRequest): Caller {
  const instance = request.headers['keyturn-instance'];
  return {
    instance: typeof instance === 'string' ? (instance as InstanceId) : null,
    principal: principalOf(request).id,
    address: addressOf(request),
  };
}

export function readEvent(
  request: FastifyRequest,
  { keys }: Granted,
  { instance, address, grantedAt }: LeaseGrant,
  outcome: AuditOutcome,
): AuditEvent {
  return {
    at: grantedAt,
    action: 'keys.read',
    outcome,
    code: null,
    principal: actorOf(request),
    keyring: keys.name,
    versions: [keys.current, ...keys.previous, ...(keys.next === null ? [] : [keys.next])].map(({ version }) => version.version),
    instance,
    address,
    requestId: request.id,
    reason: null,
  };
}
