import type { ErrorCode } from '../core/errors.ts';
import type { KeyringName } from '../core/name.ts';
import type { MachineFacts } from '../core/review/facts.ts';
import type { Secret } from '../core/secret.ts';

/** What became of one keyring of a backup. */
export type Reinstated =
  /** The store has it, as new as the backup or newer: it stays. `filled` are versions whose lost material came back. */
  | { readonly name: KeyringName; readonly outcome: 'kept'; readonly filled: readonly number[] }
  /** The store had none. `current` is the fresh key that signs now. */
  | { readonly name: KeyringName; readonly outcome: 'reinstated'; readonly current: number; readonly ended: readonly number[] }
  | { readonly name: KeyringName; readonly outcome: 'purged' }
  | { readonly name: KeyringName; readonly outcome: 'failed'; readonly code: ErrorCode };

export interface RekeyProgress {
  readonly resealed: number;
  readonly unreadable: number;
}

export interface RekeyOutcome extends RekeyProgress {
  readonly masterKeyId: string;
  /** Whether the new key has taken its place by itself; otherwise the configuration must name it from now on. */
  readonly inDataFolder: boolean;
}

/** `nothing-revoked`: the old keys go on verifying. `revoke-all`: they do not, and everybody is logged out. */
export type Since = 'nothing-revoked' | 'revoke-all';

export interface RestoreRequest {
  /** Path of the encrypted backup. */
  readonly file: string;
  readonly recoveryKey: Secret;
  /** What happened after the backup, where the data folder cannot tell; null = nothing was said. */
  readonly since: Since | null;
  /**
   * Paths of segments of the audit log, or of folders with them, in any order: together they go on from the backup without a gap. What ended according to
   * them stays ended. Empty = none.
   */
  readonly audit: readonly string[];
  /** Whether tokens of the backup that the folder does not know are good again. Those that were revoked since would be, too. */
  readonly keepTokens: boolean;
}

export interface RestoreOutcome {
  /** RFC 3339. */
  readonly madeAt: string;
  readonly keyrings: readonly Reinstated[];
  /** How many came back. */
  readonly tokens: number;
  /** RFC 3339: the last record of the segments of the audit log. What ended later is not known. Null = none was given. */
  readonly knownUntil: string | null;
}

/** What a store holds: keyrings, the keys of versions that have not ended, tokens. */
export interface Counts {
  readonly keyrings: number;
  readonly keys: number;
  readonly tokens: number;
}

export interface MigrateRequest {
  /** Paths of two config files, which alone say what the stores are: `KEYTURN_` variables are not looked at. */
  readonly from: string;
  readonly to: string;
}

export interface MigrateOutcome {
  /** The stores in words. */
  readonly from: string;
  readonly to: string;
  /** Null: the move was finished before, and nothing was done. */
  readonly moved: Counts | null;
}

/** What an operator does at the machine itself, on the data folder of a service that is stopped. Errors are KeyturnErrors. */
export interface AtMachine {
  /** Only looks, and may do so while the service runs. Null where neither data folder nor configuration can be seen. */
  inspect(): Promise<MachineFacts | null>;
  rekey(progress: (done: RekeyProgress) => void): Promise<RekeyOutcome>;
  restore(request: RestoreRequest): Promise<RestoreOutcome>;
  /** @param progress hears how many keyrings were copied so far */
  migrate(request: MigrateRequest, progress: (copied: number) => void): Promise<MigrateOutcome>;
  /** @returns the store that may be served from again, in words */
  callOffMigration(from: string): Promise<string>;
}
