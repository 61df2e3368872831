import type { Secret } from '../../core/secret.ts';
import { type Millis, SECOND } from '../../core/time.ts';
import type { Clock, Timers } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';

/**
 * How Keyturn proves to Vault who it is. Files are read again at every login, so that what an agent or an orchestrator renews is taken up.
 */
export type VaultAuth =
  | { readonly method: 'token'; readonly token: Secret }
  | { readonly method: 'token'; readonly tokenFile: string }
  | { readonly method: 'approle'; readonly mount: string; readonly roleIdFile: string; readonly secretIdFile: string }
  | { readonly method: 'kubernetes'; readonly mount: string; readonly role: string; readonly jwtFile: string };

export interface VaultSettings {
  /** `http://` or `https://` with host and port; of the active node, or of a load balancer that finds it. */
  readonly address: string;
  /** Where the KV engine, version 2, is mounted. */
  readonly mount: string;
  /** The path below the mount under which everything of this Keyturn lives. */
  readonly prefix: string;
  /** Null = the root namespace. */
  readonly namespace: string | null;
  /** Certificate authorities in PEM; null = the system's. */
  readonly caFile: string | null;
  readonly auth: VaultAuth;
}

export const CALL_LIMIT: Millis = 7 * SECOND;

export interface VaultOptions extends VaultSettings {
  /** How long a call may take, further tries and logging in included; all calls of a swap together, too. Default: `CALL_LIMIT`. */
  readonly timeout?: Millis;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}
