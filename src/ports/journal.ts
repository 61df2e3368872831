import type { ErrorCode } from '../core/errors.ts';
import type { KeyringName } from '../core/name.ts';
import type { Instant } from '../core/time.ts';
import type { Actor } from '../core/version.ts';
import type { InstanceId, LeaseGrant } from './leases.ts';

/** Everything that is recorded. Stable: auditors filter by it. */
export const AUDIT_ACTIONS = [
  // what callers do; a refusal is the same action with another outcome
  'keys.read',
  'keyring.create',
  'keyring.list',
  'keyring.read',
  'keyring.change',
  'keyring.delete',
  'keyring.restore',
  'keyring.rotate',
  'version.revoke',
  'history.read',
  'instances.read',
  'key.judge',
  'token.issue',
  'token.list',
  'token.revoke',
  'audit.read',
  'audit.checkpoint',
  'audit.verify',
  // a call that reached no route: nothing but its refusal is known
  'request.refuse',
  // what the service does by itself
  'version.publish',
  'version.activate',
  'material.destroy',
  'keyring.purge',
  // what an operator does at the machine
  'service.start',
  'service.stop',
  'masterkey.rotate',
  'backup.make',
  'backup.restore',
  'audit.export',
  'audit.drop',
  'store.migrate',
  // records of an outage, moved into the log that replicas share
  'audit.spool',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** `unchanged`: a 304. `refused`: Keyturn said no (4xx). `failed`: it could not (5xx). */
export type AuditOutcome = 'done' | 'unchanged' | 'refused' | 'failed';

/** One thing that happened, in words for an auditor: never material, never a token's text, never a request's body. */
export interface AuditEvent {
  readonly at: Instant;
  readonly action: AuditAction;
  readonly outcome: AuditOutcome;
  /** Why it was refused or failed. */
  readonly code: ErrorCode | null;
  /** Null where nobody could be proven. */
  readonly principal: Actor | null;
  readonly keyring: KeyringName | null;
  /**
   * The versions that were read, made, cut or destroyed. Of a revocation first the one that was cut, then the one made for it; of an emergency rotation and
   * of a restore first the one that was made, then those that were cut.
   */
  readonly versions: readonly number[];
  readonly instance: InstanceId | null;
  /** Where the request came from; null for what the service does by itself. */
  readonly address: string | null;
  readonly requestId: string | null;
  /** As the caller gave it, or what Keyturn has to add (for example: which ended token was shown). At most 300 characters. */
  readonly reason: string | null;
}

/** An event as it stands in the log. */
export interface AuditRecord extends AuditEvent {
  /** Counts from 1 without gaps. */
  readonly sequence: number;
}

/**
 * What must be durable before an answer leaves: the audit record and, for a read of keys, the lease it grants. Entries of concurrent
 * requests share one commit.
 *
 * Contract: entries are chained in the order of `append`. `done` is called once, with null when the entry is durable, or with
 * `audit_unavailable` when it is not. After a failure later appends are tried again: nothing is skipped silently, the chain has no gap.
 */
export interface Journal {
  append(event: AuditEvent, lease: LeaseGrant | null, done: Done): void;
  /**
   * Records a change that is in force already. When the log cannot be written `done` hears of it, and the entry is kept and written
   * before any later one: it never gets lost while the process lives.
   * @param changedAt when the document of the event's keyring was changed; null where the change is none of a keyring
   */
  appendChange(event: AuditEvent, changedAt: Instant | null, done: Done): void;
  /** Writes what is owed, or, where nothing is, proves that the log can be written. Asked before a change while the log is not healthy. */
  probe(done: Done): void;
  /** An answer that left without a record, as configured. Counted, and told in one record when the log is back. */
  passOver(event: AuditEvent): void;
  /** Whether the last commit succeeded, or nothing was written yet. */
  readonly healthy: boolean;
}

export type Done = (failure: Error | null) => void;
