import type { Instant } from '../core/time.ts';

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:\d\d)$/;

/** An RFC 3339 instant with its offset; null for anything else, a 30th of February included. */
export function toInstant(text: string): Instant | null {
  if (!RFC3339.test(text)) return null;
  const at = Date.parse(text);
  const day = Number(text.slice(8, 10));
  const daysInMonth = new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0)).getUTCDate();
  return Number.isNaN(at) || day > daysInMonth ? null : at;
}
