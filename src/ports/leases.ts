import type { Branded } from '../core/brand.ts';
import type { ChangeId } from '../core/keyring.ts';
import type { KeyringName } from '../core/name.ts';
import { DAY, type Instant, type Millis } from '../core/time.ts';
import type { PrincipalId } from '../core/version.ts';
import type { CallOptions } from './store.ts';

/** How an instance names itself in `Keyturn-Instance`: 1 to 128 of `[A-Za-z0-9._:@/-]`. */
export type InstanceId = Branded<'InstanceId'>;

/**
 * Names the process behind an instance id: drawn by the service with the first answer and carried in the ETags that it gives that process. A
 * new process asks without an ETag and so gets a session of its own, even under an id that was used before.
 */
export type SessionId = Branded<'SessionId'>;

/** Which document an answer was made from: what an instance holds once it has shown the answer's ETag. */
export interface Holding {
  readonly changeId: ChangeId;
  /** When that change was made: later acts are unknown to the holder. */
  readonly changedAt: Instant;
  /** The version that signs in the answer. */
  readonly current: number;
  /** The newest version in the answer: `next`, or else `current`. */
  readonly newest: number;
}

/** One answer that allows an instance to use keys for a while. */
export interface LeaseGrant {
  readonly keyring: KeyringName;
  /** Null: the caller did not name itself. Such a lease is counted and never acknowledged. */
  readonly instance: InstanceId | null;
  /** Null exactly where `instance` is. */
  readonly session: SessionId | null;
  readonly principal: PrincipalId;
  readonly address: string;
  readonly grantedAt: Instant;
  /** By the service's clock; the instance counts from before its request and so ends earlier. */
  readonly until: Instant;
  readonly offered: Holding;
  /** What the request proved to hold by its If-None-Match: only an ETag of the present document proves anything. Null = nothing. */
  readonly acknowledged: Holding | null;
}

/** What is known of one holder: the sum of its grants. */
export interface Lease {
  readonly keyring: KeyringName;
  readonly instance: InstanceId | null;
  readonly principal: PrincipalId;
  readonly address: string;
  readonly firstSeen: Instant;
  readonly lastSeen: Instant;
  /** The latest `until` of all its grants: a shorter lease never takes a longer one back. */
  readonly until: Instant;
  /** Of the last answer. */
  readonly offered: Holding;
  /**
   * Until when somebody under this name may still use an answer made from another document than `offered`. It does not move while the same
   * document is offered; the session that acknowledges ends what was granted to itself before, and only that.
   */
  readonly behindUntil: Instant;
  /** The newest that the present session has proved to hold; null = nothing yet. */
  readonly acknowledged: Holding | null;
  /** Since when it holds what it has acknowledged. */
  readonly acknowledgedAt: Instant | null;
}

/** How long an entry is kept at least after its lease has ended: longer than any lease, so that no clock set back meets a gap. */
export const KEPT_AFTER_END: Millis = 8 * DAY;

/**
 * Who holds which keys until when. Grants are written by the journal (ports/journal.ts) in the same commit as the audit record of the
 * read, before the answer leaves; this port reads them.
 *
 * Contract: one entry for each (keyring, instance, principal); anonymous callers of one principal share an entry. Entries whose lease ended
 * more than `KEPT_AFTER_END` ago may be removed; no other ever is.
 */
export interface LeaseRegistry {
  /**
   * Every lease that is alive and was granted since this instant is in the registry. A registry that was lost, restored from a backup, or
   * that some grants may have bypassed answers with the moment from which it is whole again.
   * @throws KeyturnError `store_unavailable` …
   */
  completeSince(): Instant;
  /** All entries of a keyring with `until` after the instant. It sees every grant that was handed to the journal before it was called. */
  live(keyring: KeyringName, at: Instant, options?: CallOptions): Promise<readonly Lease[]>;
  /** Entries of a keyring, ended ones too, in the order of (instance, principal); at most `limit`, those after `after`. */
  page(
    keyring: KeyringName,
    after: string | null,
    limit: number,
    options?: CallOptions,
  ): Promise<{ readonly items: readonly Lease[]; readonly next: string | null }>;
}
