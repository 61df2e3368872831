import type { Millis } from '../core/time.ts';
import type { CallOptions } from '../ports/store.ts';

/** As the caller wants it, and given up after a time all the same: several calls of a server then take no longer together. */
export function within(limit: Millis, options: CallOptions = {}): CallOptions {
  const timeout = AbortSignal.timeout(limit);
  return { ...options, signal: options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]) };
}
