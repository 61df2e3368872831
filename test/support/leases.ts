import type { ChangeId } from '../../src/core/keyring.ts';
import { parseKeyringName } from '../../src/core/name.ts';
import { HOUR, type Instant, type Millis } from '../../src/core/time.ts';
import type { PrincipalId } from '../../src/core/version.ts';
import type { Holding, InstanceId, LeaseGrant, SessionId } from '../../src/ports/leases.ts';

export const GRANTED: Instant = Date.parse('2026-03-01T12:00:00.000Z');
export const LEASE: Millis = 24 * HOUR;

/** A document by its number: later ones were changed later. `newest` defaults to the number. */
export function holding(document: number, newest = document, current = newest): Holding {
  return { changeId: `change${document}` as ChangeId, changedAt: GRANTED + document, current, newest };
}

export interface GrantFields {
  readonly keyring?: string;
  readonly instance?: string | null;
  readonly session?: string;
  readonly principal?: string;
  readonly address?: string;
  readonly at?: Instant;
  readonly lease?: Millis;
}

/** An answer with the document to an instance that shows that it has it already (`holds`), or does not. */
export function grant(offered: Holding, holds: boolean, fields: GrantFields = {}): LeaseGrant {
  const { keyring = 'web', instance = 'web-1', session = 'p1', principal = 'token:a', address = '10.0.0.1' } = fields;
  const { at = GRANTED, lease = LEASE } = fields;
  return {
    keyring: parseKeyringName(keyring),
    instance: instance as InstanceId | null,
    session: instance === null ? null : (session as SessionId),
    principal: principal as PrincipalId,
    address,
    grantedAt: at,
    until: at + lease,
    offered,
    acknowledged: holds ? offered : null,
  };
}
