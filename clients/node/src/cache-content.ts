import { badCache } from './cache-format.ts';
import type { Instant } from './clock.ts';
import { KeyturnError } from './errors.ts';
import { type KeysAnswer, parseKeys } from './wire.ts';

/** What a cache file says. */
export interface CacheContent {
  /** Before the request that granted the lease. */
  readonly askedAt: Instant;
  readonly leaseUntil: Instant;
  readonly etag: string;
  /** The body of the answer as it came. */
  readonly answer: unknown;
}

export interface CachedKeys extends Omit<CacheContent, 'answer'> {
  readonly keys: KeysAnswer;
  readonly answer: unknown;
}

const FORMAT = 1;
const LONGEST_LEASE = 7 * 86_400_000;
const TOLERATED_SETBACK = 5_000;

export function writeContent(content: CacheContent): string {
  return JSON.stringify({ format: FORMAT, ...content });
}

/**
 * The keys of a cache, as strictly read as an answer. The file grants no new lease: they may be used until `leaseUntil`.
 * @throws KeyturnError `bad_cache`, `bad_answer`, `bad_key`, `lease_ended`, `clock_jump`
 */
export function readContent(text: string, keyring: string, now: Instant): CachedKeys {
  const { format, askedAt, leaseUntil, etag, answer } = fieldsOf(text);
  const isWhole = format === FORMAT && isInstant(askedAt) && isInstant(leaseUntil) && typeof etag === 'string';
  if (!isWhole || leaseUntil <= askedAt || leaseUntil - askedAt > LONGEST_LEASE) throw badCache();
  const keys = parseKeys(answer, keyring);
  if (now >= leaseUntil) throw new KeyturnError('lease_ended', 'The lease of the cached keys has ended: the service must be reached.');
  if (now < askedAt - TOLERATED_SETBACK)
    throw new KeyturnError('clock_jump', 'The cache was written in the future: set the clock of this host right.');
  return { askedAt, leaseUntil, etag, keys, answer };
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content === 'object' && content !== null) return Object.fromEntries(Object.entries(content));
  } catch {}
  throw badCache();
}

function isInstant(value: unknown): value is Instant {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
