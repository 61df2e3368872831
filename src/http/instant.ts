import { KeyturnError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';

/** Of a text from a request. @throws KeyturnError `invalid_request` naming the field */
export function instantIn(field: string, text: string): Instant {
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new KeyturnError('invalid_request', `${field} must be an instant such as 2026-11-24T03:00:00Z.`);
  return at;
}
