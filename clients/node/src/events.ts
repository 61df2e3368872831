import type { Millis } from './clock.ts';
import type { ErrorCode } from './errors.ts';

/** What happens to a keyring, for metrics. Nothing here is secret. */
export type KeyringEvent =
  | {
      readonly type: 'refreshed';
      readonly changed: boolean;
      readonly took: Millis;
      readonly version: number;
      readonly leaseSeconds: number;
    }
  | { readonly type: 'refresh_failed'; readonly code: ErrorCode; readonly took: Millis; readonly failures: number }
  | { readonly type: 'loaded_from_cache'; readonly version: number }
  | { readonly type: 'lease_ended' };

export type Observer = (event: KeyringEvent) => void;
