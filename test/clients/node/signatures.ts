import { createHmac } from 'node:crypto';
import { keyOf } from './keys-service.ts';

/** `value.signature` as cookie-signature and @fastify/cookie write it, by a version's key or by a key's text. */
export function cookieSigned(value: string, by: number | string): string {
  const key = typeof by === 'number' ? keyOf(by) : by;
  return `${value}.${createHmac('sha256', key).update(value).digest('base64').replace(/=+$/, '')}`;
}

/** As keygrip signs `name=value`. */
export function gripSigned(data: string, by: number | string): string {
  const key = typeof by === 'number' ? keyOf(by) : by;
  return createHmac('sha1', key).update(data).digest('base64url');
}
