import type { FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../core/errors.ts';
import type { Keyring } from '../../core/keyring.ts';
import type { KeyringName } from '../../core/name.ts';
import type { Instant } from '../../core/time.ts';
import type { AuditAction } from '../../ports/journal.ts';
import type { LeaseGrant } from '../../ports/leases.ts';

/** What a route knows that the audit record of its request needs; the rest is read from request and answer. */
export interface Notes {
  readonly keyring?: KeyringName;
  readonly versions?: readonly number[];
  readonly reason?: string | null;
  readonly code?: ErrorCode;
  readonly lease?: LeaseGrant;
  /** Something is in force now. `at`: when the keyring's document was changed; null where it is none of a keyring. */
  readonly change?: { readonly at: Instant | null };
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the audit log calls a request of this route. */
    audit?: AuditAction;
  }
  interface FastifyRequest {
    notes: Notes | null;
  }
}

export function note(request: FastifyRequest, notes: Notes): void {
  request.notes = request.notes === null ? notes : { ...request.notes, ...notes };
}

/** From here on the change is in force, whatever becomes of its answer. */
export function noteChange(request: FastifyRequest, keyring: Keyring, reason: string, versions: readonly number[] = []): void {
  note(request, { keyring: keyring.name, change: { at: keyring.changed.at }, reason, versions });
}
