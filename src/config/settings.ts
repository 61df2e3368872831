import type { DeclaredToken } from '../access/declared-token.ts';
import type { KeyringName } from '../core/name.ts';
import type { Policy } from '../core/policy.ts';
import type { Secret } from '../core/secret.ts';
import type { AwsSettings } from './aws.ts';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where keyrings live, with what is needed to get there. */
export type StoreSettings =
  | { readonly kind: 'sqlite' }
  | {
      readonly kind: 'postgres';
      /** `postgres://user:password@host:5432/database?sslmode=verify-full`. */
      readonly url: Secret;
      readonly schema: string;
      readonly poolSize: number;
      /** Certificate authorities in PEM; null = the system's. */
      readonly caFile: string | null;
    }
  | ({ readonly kind: 'vault' } & VaultSettings)
  | AwsSettings;

export interface VaultSettings {
  readonly address: string;
  readonly mount: string;
  readonly prefix: string;
  /** Null = the root namespace. */
  readonly namespace: string | null;
  /** Certificate authorities in PEM; null = the system's. */
  readonly caFile: string | null;
  readonly auth: VaultLogin;
}

/** How Keyturn logs in to Vault. The files are read at every login, not here. */
export type VaultLogin =
  | { readonly method: 'token'; readonly token: Secret }
  | { readonly method: 'token'; readonly tokenFile: string }
  | { readonly method: 'approle'; readonly mount: string; readonly roleIdFile: string; readonly secretIdFile: string }
  | { readonly method: 'kubernetes'; readonly mount: string; readonly role: string; readonly jwtFile: string };

/** Everything that can be set, after defaults. Paths are absolute. `keyturn.example.yaml` explains each. */
export interface Settings {
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  readonly dataDir: string;
  readonly store: StoreSettings;
  /** Null: the embedded store keeps its own in the data folder. PostgreSQL needs it; on AWS it is an addition. */
  readonly masterKey: Secret | null;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  /** True, or the addresses and CIDR ranges of proxies whose X-Forwarded-For is believed. */
  readonly trustProxy: boolean | readonly string[];
  readonly log: { readonly level: LogLevel };
  readonly limits: {
    readonly bodyBytes: number;
    readonly failedAuthPerMinute: number;
    readonly notFoundPerMinute: number;
    readonly unknownNamesPerMinute: number;
    readonly maxWaitSeconds: number;
    /** Held by ?wait= at the same time. */
    readonly heldRequests: number;
    /** Open at the same time. */
    readonly connections: number;
  };
  readonly metrics: { readonly access: 'open' | 'token' };
  readonly audit: {
    /** What becomes of reads of keys that can be recorded nowhere. */
    readonly onOutage: 'refuse' | 'serve-reads';
    /** How much a replica records on its own disk while the log that it shares is out. */
    readonly spoolMegabytes: number;
  };
  readonly docs: { readonly enabled: boolean };
  readonly strength: {
    /** A list of known keys beside the built-in one; read at the start. Null = none. */
    readonly wordlistFile: string | null;
  };
  readonly sweep: { readonly cron: string };
  /** Whom backups are encrypted to; null = none can be made. */
  readonly backup: { readonly recipient: string | null };
  readonly shutdown: { readonly graceSeconds: number };
  /** What a new keyring's policy has where its maker says nothing. */
  readonly defaults: Policy;
  readonly keyrings: readonly DeclaredKeyring[];
  readonly tokens: readonly DeclaredToken[];
}

/** A keyring to create at start where it does not exist; never changed afterwards. */
export interface DeclaredKeyring {
  readonly name: KeyringName;
  readonly policy: Policy;
  /**
   * Null: its key is generated. A `key` of null: the file or variable is gone, which is right once the keyring exists, and a fault
   * for whoever has to create it.
   */
  readonly imported: { readonly from: 'importFromFile' | 'importFromEnv'; readonly key: Secret | null } | null;
}
