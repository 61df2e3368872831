import type { ErrorCode } from '../../core/errors.ts';
import { type Instant, MINUTE, toIso } from '../../core/time.ts';
import type { AuditEvent } from '../../ports/journal.ts';

/** Refusals of callers that nobody could be proven to be: so many a minute get records of their own, from all addresses together. */
const RECORDED_A_MINUTE = 1_000;
/** Addresses counted apart; the others are counted together. */
const ADDRESSES = 1_000;

interface Count {
  count: number;
  readonly since: Instant;
}

/**
 * Keeps whoever has no token from filling the disk. What the limits of http/limits.ts answer with 429, and unproven callers beyond
 * `RECORDED_A_MINUTE`, are counted by address, and one record a minute tells the count.
 */
export class Refusals {
  #minute = 0;
  #recorded = 0;
  #counts = new Map<string, Count>();

  /** Whether this refusal gets a record of its own; otherwise it is counted. */
  admit(code: ErrorCode, isProven: boolean, address: string, at: Instant): boolean {
    if (code !== 'rate_limited') {
      if (isProven) return true;
      const minute = Math.floor(at / MINUTE);
      if (minute !== this.#minute) this.#recorded = 0;
      this.#minute = minute;
      if (this.#recorded++ < RECORDED_A_MINUTE) return true;
    }
    this.#count(this.#counts.size < ADDRESSES || this.#counts.has(address) ? address : 'other addresses', at);
    return false;
  }

  /** Hands over what was counted, one event for each address. */
  take(at: Instant): AuditEvent[] {
    const counts = this.#counts;
    this.#counts = new Map();
    return [...counts].map(([address, { count, since }]) => summary(at, address, `${count} refusals since ${toIso(since)}, counted only`));
  }

  #count(address: string, at: Instant): void {
    const known = this.#counts.get(address);
    if (known === undefined) this.#counts.set(address, { count: 1, since: at });
    else known.count++;
  }
}

function summary(at: Instant, address: string, reason: string): AuditEvent {
  return {
    at,
    action: 'request.refuse',
    outcome: 'refused',
    code: 'rate_limited',
    principal: null,
    keyring: null,
    versions: [],
    instance: null,
    address,
    requestId: null,
    reason,
  };
}
