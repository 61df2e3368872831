import type { Fault } from '../errors.ts';
import type { Policy } from '../policy.ts';
import type { Instant, Millis } from '../time.ts';
import type { Unseen } from './finding.ts';

/** All that a review looks at. Null is what could not be seen; `unseen` says why. */
export interface Facts {
  /** Of the machine that looks. */
  readonly now: Instant;
  /** Of the service, as it was asked. */
  readonly url: string;
  readonly service: ServiceFacts | { readonly silent: string };
  /** Those that live. */
  readonly keyrings: readonly KeyringFacts[] | null;
  /** Those that are neither revoked nor expired. */
  readonly tokens: readonly TokenFacts[] | null;
  readonly machine: MachineFacts | null;
  readonly audit: AuditFacts | null;
  readonly unseen: readonly Unseen[];
}

export interface ServiceFacts {
  readonly status: string;
  readonly store: { readonly failing: boolean; readonly kind: string; readonly silentSeconds: number | null };
  readonly scheduler: { readonly failing: boolean; readonly lastSweepSecondsAgo: number | null };
  readonly clock: { readonly failing: boolean };
  readonly audit: {
    readonly failing: boolean;
    /** It could not record reads while the log that it shares is out. */
    readonly spoolFailing: boolean;
    /** Records that wait on its disk for that log. */
    readonly spooled: number;
  };
  /** How many keyrings are overdue. */
  readonly overdue: number;
  /** How far its clock is before ours, at least and at most; null where it did not say. */
  readonly ahead: { readonly least: Millis; readonly most: Millis } | null;
  /** Whether it answered without a token; null where it gave neither answer nor refusal. */
  readonly metricsOpen: boolean | null;
  readonly docsOpen: boolean | null;
  /** Files that its process may have open, connections included; null where it did not say. */
  readonly mostOpenFiles: number | null;
}

export interface KeyringFacts {
  readonly name: string;
  readonly policy: Policy;
  readonly nextRotationAt: Instant | null;
  readonly isOverdue: boolean;
  /** Those that are served, newest first. */
  readonly versions: readonly VersionFacts[];
  readonly fleet: FleetFacts | null;
}

export interface VersionFacts {
  readonly version: number;
  readonly role: string;
  readonly publishedAt: Instant;
  readonly activatesAt: Instant;
  readonly verifyUntil: Instant | null;
  readonly isImported: boolean;
  readonly isWeak: boolean;
  /** What its provenance says of its strength; null for a generated key, and where the history could not be read. */
  readonly judgement: string | null;
}

export interface FleetFacts {
  /** Tokens whose callers do not name themselves and hold a lease. */
  readonly anonymous: number;
  readonly holders: readonly HolderFacts[];
  /** What was revoked and may still be used; null = nothing. */
  readonly revokedInUse: { readonly versions: readonly number[]; readonly mayHold: number; readonly until: Instant } | null;
}

export interface HolderFacts {
  /** Its own name, or that of its token. */
  readonly name: string;
  readonly lastSeen: Instant;
  readonly lags: boolean;
}

export interface TokenFacts {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly keyrings: readonly string[];
  readonly createdAt: Instant;
  readonly expiresAt: Instant | null;
  readonly lastUsedAt: Instant | null;
  /** Made by the first start. */
  readonly isBootstrap: boolean;
  /** Declared in the config file: nobody keeps when it was used. */
  readonly isDeclared: boolean;
}

/** The data folder and the configuration, as the user who looks may read them. */
export interface MachineFacts {
  readonly faults: readonly Fault[];
  /** Null while the configuration has faults. */
  readonly settings: SettingsFacts | null;
  readonly dataDir: string;
  /** The data folder and what is in it; empty on Windows, which has no such modes. */
  readonly files: readonly FileFacts[];
  /** Of the token in `admin.token`: its id; empty for a file that holds no token; null without a file. */
  readonly adminTokenId: string | null;
  /** When the master key in the data folder was last written; null where there is none. */
  readonly masterKeyWrittenAt: Instant | null;
  /** Folders of audit spools that were not what was written, kept for whoever looks into it. */
  readonly damagedSpools: readonly string[];
}

export interface SettingsFacts {
  readonly host: string;
  /** When the certificate ends; null without TLS, or where it cannot be read. */
  readonly certificateUntil: Instant | null;
  readonly hasTls: boolean;
  readonly trustsProxies: 'none' | 'some' | 'all';
  readonly hasMasterKey: boolean;
  readonly hasBackupRecipient: boolean;
  /** As `limits.connections` says. */
  readonly connections: number;
  /** What becomes of reads of keys while the audit log cannot be written. */
  readonly onAuditOutage: 'refuse' | 'serve-reads';
}

export interface FileFacts {
  readonly path: string;
  readonly isFolder: boolean;
  /** The permission bits. */
  readonly mode: number;
}

/** The audit log, as its own verification and its records tell. */
export interface AuditFacts {
  readonly isIntact: boolean;
  /** What was verified, and what is wrong with it. */
  readonly verdict: string;
  /** Since when it might have had a checkpoint: when the last one was made, else when its first record was written; null where the token does not show it. */
  readonly withoutCheckpointSince: Instant | null;
}
